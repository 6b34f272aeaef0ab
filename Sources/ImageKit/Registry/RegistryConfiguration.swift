/// How registries are spoken to.
public struct RegistryConfiguration: Sendable {
    /// Who we are. Docker's configuration file by default.
    public var credentials: CredentialSource = .dockerConfiguration
    /// Registries that are spoken to without TLS, as they stand in references (`registry.test:5000`). Loopback addresses
    /// always are, unless `additionalTrustRoots` says that they have a certificate.
    public var plainHTTP: Set<String> = []
    /// Certificates, PEM, trusted besides the system's.
    public var additionalTrustRoots: [[UInt8]] = []
    /// How long a connection may take to be made. Ten seconds by default.
    public var connectLimit: Duration = .seconds(10)
    /// How long a registry may be silent, before the head of an answer and inside its body. 30 seconds by default.
    public var idleLimit: Duration = .seconds(30)
    /// Blobs of an image that are downloaded at the same time. Three by default, as in Docker.
    public var concurrentDownloads = 3
    /// How often a request is tried again after a failure that may pass (a broken connection, 429, 5xx). Three by default.
    public var retries = 3
    /// The longest wait before a retry, whatever the registry asks for. 20 seconds by default.
    public var longestRetryDelay: Duration = .seconds(20)

    public init() {}
}
