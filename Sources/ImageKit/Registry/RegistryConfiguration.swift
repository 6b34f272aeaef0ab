public import SystemPackage

/// How registries are spoken to.
public struct RegistryConfiguration: Sendable {
    /// Who we are. Docker's and podman's configuration files by default.
    public var credentials: CredentialSource = .dockerConfiguration
    /// Registries that are spoken to without TLS, as they stand in references (`registry.test:5000`). Loopback addresses
    /// always are, unless `additionalTrustRoots` says that they have a certificate.
    public var plainHTTP: Set<String> = []
    /// Certificates, PEM, trusted besides the system's.
    public var additionalTrustRoots: [[UInt8]] = []
    /// Mirrors and trust by registry, as it stands in references (`docker.io`). Such a registry is not looked up in `hostsDirectories`.
    public var policies: [String: RegistryPolicy] = [:]
    /// Directories with a folder for each registry: containerd's with `hosts.toml`, Docker's with certificates. The first that has a
    /// folder for the registry counts. `/etc/containerd/certs.d` and `/etc/docker/certs.d` by default.
    public var hostsDirectories: [FilePath] = ["/etc/containerd/certs.d", "/etc/docker/certs.d"]
    /// Which proxies requests go through. Those of the environment by default.
    public var proxies: ProxySettings = .environment
    /// How long a connection may take to be made. Ten seconds by default.
    public var connectLimit: Duration = .seconds(10)
    /// How long a registry may be silent, before the head of an answer and inside its body. 30 seconds by default.
    public var idleLimit: Duration = .seconds(30)
    /// How long a credential helper may take. One minute by default: it may have to ask somebody.
    public var helperLimit: Duration = .seconds(60)
    /// Blobs of an image that are downloaded at the same time. Three by default, as in Docker.
    public var concurrentDownloads = 3
    /// Blobs of an image that are uploaded at the same time. Three by default.
    public var concurrentUploads = 3
    /// Connections that one large blob is downloaded over where a single one is slow (below 32 MiB/s). Four by default; 1 is never more.
    public var connectionsPerBlob = 4
    /// How often a request is tried again after a failure that may pass (a broken connection, 429, 5xx). Three by default.
    public var retries = 3
    /// The longest wait before a retry, whatever the registry asks for. 20 seconds by default.
    public var longestRetryDelay: Duration = .seconds(20)

    public init() {}
}
