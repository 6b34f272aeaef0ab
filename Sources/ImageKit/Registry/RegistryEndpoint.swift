internal import OCIModel

/// Where a registry's API is.
struct RegistryEndpoint: Sendable, Hashable {
    /// As in references.
    var registry: String
    /// `https://registry-1.docker.io`, without a slash at the end.
    var base: String
    var usesTLS: Bool

    init(_ registry: String, _ configuration: RegistryConfiguration) {
        self.registry = registry
        let host = registry == Reference.defaultRegistry ? "registry-1.docker.io" : registry
        // A loopback registry with a certificate of its own is meant to be spoken to with TLS.
        let isPlainLoopback = Self.isLoopback(host) && configuration.additionalTrustRoots.isEmpty
        usesTLS = !configuration.plainHTTP.contains(registry) && !isPlainLoopback
        base = (usesTLS ? "https://" : "http://") + host
    }

    /// `localhost`, `127.0.0.0/8`, `[::1]`, with any port.
    static func isLoopback(_ host: String) -> Bool {
        var name = Substring(host)
        if name == "::1" { return true }
        if name.hasPrefix("[") { return name.dropFirst().prefix { $0 != "]" } == "::1" }
        if let colon = name.lastIndex(of: ":") { name = name[..<colon] }
        if name == "localhost" { return true }
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
