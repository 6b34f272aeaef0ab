internal import CLinux
internal import FoundationEssentials
internal import OCIModel

/// Which proxies requests go through.
///
/// A host of `exceptions` is reached directly: `example.com` (and all below it), `.example.com` (only below it), `10.0.0.0/8`, an address,
/// each with or without a port, `*`. Loopback always is.
public struct ProxySettings: Sendable, Hashable {
    /// For `https://`: `http://proxy.example:3128`, with `user:password@` where the proxy asks for it. Nil is none.
    public var https: String?
    /// For `http://`.
    public var http: String?
    /// Hosts that are reached without one.
    public var exceptions: [String]

    /// None by default.
    public init(https: String? = nil, http: String? = nil, exceptions: [String] = []) {
        self.https = https
        self.http = http
        self.exceptions = exceptions
    }

    /// No proxy.
    public static var none: ProxySettings { ProxySettings() }

    /// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in capitals or not. (`HTTP_PROXY` in capitals is ignored in a CGI program, where a
    /// client can set it.)
    public static var environment: ProxySettings {
        let isCGI = getenv("REQUEST_METHOD") != nil
        return ProxySettings(
            https: value("https_proxy") ?? value("HTTPS_PROXY"),
            http: value("http_proxy") ?? (isCGI ? nil : value("HTTP_PROXY")),
            exceptions: (value("no_proxy") ?? value("NO_PROXY") ?? "").split { $0 == "," || $0 == " " }.map(String.init))
    }

    private static func value(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// A proxy as a client wants it.
    struct Server: Sendable, Hashable {
        var host: String
        var port: Int
        var user: String?
        var password: String?
    }

    /// - Throws: `.malformedDocument` for a proxy that is no address, or of a kind that is not spoken.
    func server(for url: String) throws(ImageError) -> Server? {
        guard let target = URL(string: url), let host = target.host()?.lowercased() else { return nil }
        let isTLS = target.scheme?.lowercased() == "https"
        guard let text = isTLS ? https : http else { return nil }
        if RegistryEndpoint.isLoopback(host) || isException(host, target.port ?? (isTLS ? 443 : 80)) { return nil }
        let address = text.contains("://") ? text : "http://" + text
        guard let proxy = URL(string: address), let name = proxy.host(), !name.isEmpty, proxy.scheme?.lowercased() == "http" else {
            throw ImageError(.malformedDocument, .registry(host), "the proxy \(Self.redacted(text)) is no http:// address")
        }
        return Server(
            host: name, port: proxy.port ?? 80, user: proxy.user(percentEncoded: false), password: proxy.password(percentEncoded: false))
    }

    private static func redacted(_ text: String) -> String { text.lastIndex(of: "@").map { "…" + text[$0...] } ?? text }

    private func isException(_ host: String, _ port: Int) -> Bool {
        let address = Self.octets(host)
        return exceptions.contains { entry in
            var name = entry.lowercased()
            if name == "*" { return true }
            if let slash = name.firstIndex(of: "/") {
                guard let address, let network = Self.octets(String(name[..<slash])), let bits = Int(name[name.index(after: slash)...]),
                    (0...32).contains(bits)
                else { return false }
                let mask = bits == 0 ? 0 : UInt32.max << (32 - UInt32(bits))
                return address & mask == network & mask
            }
            if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]"), name.firstIndex(of: ":") == colon || name.hasPrefix("[") {
                guard Int(name[name.index(after: colon)...]) == port else { return false }
                name = String(name[..<colon])
            }
            name = name.trimmingBrackets
            if name.hasPrefix("*.") { name.removeFirst() }
            if name.hasPrefix(".") { return host.hasSuffix(name) }
            return host.trimmingBrackets == name || host.hasSuffix("." + name)
        }
    }

    private static func octets(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        return parts.reduce(UInt32?(0)) { sum, part in sum.flatMap { sum in part.map { sum << 8 | UInt32($0) } } }
    }
}

extension String {
    fileprivate var trimmingBrackets: String { hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self }
}
