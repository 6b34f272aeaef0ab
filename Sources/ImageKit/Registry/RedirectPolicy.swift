internal import FoundationEssentials
internal import OCIModel

/// Which redirects are followed, and what goes along.
///
/// At most five, never to plain HTTP unless the request itself was without TLS and it stays on its origin or on loopback, and no
/// credential to another origin.
enum RedirectPolicy {
    static let limit = 5

    struct Step: Sendable, Hashable {
        var url: String
        /// The same scheme, host and port: the Authorization header may go along.
        var keepsCredentials: Bool
    }

    /// - Throws: `.insecureRedirect`, `.tooManyRedirects`, `.protocolViolation`.
    static func step(
        from url: String, location: String?, followed: Int, _ subject: ImageError.Subject
    ) throws(ImageError) -> Step {
        guard followed < limit else { throw ImageError(.tooManyRedirects, subject, "there are more than \(limit) redirects") }
        guard let location, let base = URL(string: url), let target = URL(string: location, relativeTo: base)?.absoluteURL,
            let scheme = target.scheme?.lowercased(), let host = target.host(), !host.isEmpty
        else { throw ImageError(.protocolViolation, subject, "it redirects without a usable Location") }
        let wasPlain = base.scheme?.lowercased() == "http"
        switch scheme {
        case "https": break
        case "http" where wasPlain && (RegistryEndpoint.isLoopback(host) || origin(of: base) == origin(of: target)): break
        default: throw ImageError(.insecureRedirect, subject, "it redirects to \(scheme)://\(host)")
        }
        guard target.user() == nil, target.password() == nil else {
            throw ImageError(.protocolViolation, subject, "it redirects to an address with credentials")
        }
        return Step(url: target.absoluteString, keepsCredentials: origin(of: base) == origin(of: target))
    }

    /// Whether two addresses have the same scheme, host and port.
    static func haveOneOrigin(_ first: String, _ second: String) -> Bool {
        guard let first = URL(string: first), let second = URL(string: second) else { return false }
        return origin(of: first) == origin(of: second)
    }

    private static func origin(of url: URL) -> String {
        let scheme = url.scheme?.lowercased() ?? ""
        return "\(scheme)://\(url.host()?.lowercased() ?? ""):\(url.port ?? (scheme == "https" ? 443 : 80))"
    }
}
