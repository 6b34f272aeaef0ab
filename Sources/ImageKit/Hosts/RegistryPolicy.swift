/// Where the images of one registry are had from, and how its hosts are reached.
///
/// What containerd reads from `hosts.toml`, as a value.
public struct RegistryPolicy: Sendable, Hashable {
    /// Asked first, in this order; when none has the image, or answers, the registry itself is asked.
    public var mirrors: [RegistryHost] = []
    /// The registry's own API; nil is `https://<its name>`.
    public var server: RegistryHost?

    /// No mirrors, and the registry's own address.
    public init(mirrors: [RegistryHost] = [], server: RegistryHost? = nil) {
        self.mirrors = mirrors
        self.server = server
    }
}

/// A host that serves a registry's API.
public struct RegistryHost: Sendable, Hashable {
    /// What a host is asked for.
    public struct Capabilities: OptionSet, Sendable, Hashable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Content by its digest.
        public static let pull = Capabilities(rawValue: 1)
        /// What a tag points at. A host without it must not be believed about tags.
        public static let resolve = Capabilities(rawValue: 2)
        /// Uploads.
        public static let push = Capabilities(rawValue: 4)
    }

    /// Scheme, host, port and, where there is one, a path: `https://mirror.example:5000/docker`.
    public var address: String
    /// Pull and resolve by default.
    public var capabilities: Capabilities = [.pull, .resolve]
    /// Certificates, PEM, trusted for this host besides the system's.
    public var trustRoots: [[UInt8]] = []
    /// What this program proves itself with; nil is nothing.
    public var clientCertificate: ClientCertificate?
    /// Whether any certificate is believed. Off by default.
    public var skipsVerification = false
    /// Sent with each request to this host.
    public var headers: [String: String] = [:]
    /// Whether `address` already names the API's root, so that `/v2` is not put behind it. Off by default.
    public var overridesPath = false

    /// A host at an address. Plain HTTP is an address that says `http://`.
    public init(_ address: String) { self.address = address }
}

/// A certificate with its key, for TLS in which the server asks who is there.
public struct ClientCertificate: Sendable, Hashable {
    /// The certificate and those between it and the authority, PEM.
    public var chain: [UInt8]
    /// Its private key, PEM, not encrypted.
    public var privateKey: [UInt8]

    /// From the bytes of PEM files.
    public init(chain: [UInt8], privateKey: [UInt8]) {
        self.chain = chain
        self.privateKey = privateKey
    }
}

extension ClientCertificate: CustomStringConvertible, CustomDebugStringConvertible {
    /// Never the key.
    public var description: String { "a client certificate" }
    public var debugDescription: String { description }
}
