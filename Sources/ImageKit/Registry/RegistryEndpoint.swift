internal import FoundationEssentials
internal import OCIModel

/// Where a registry's API is, and how it is reached.
struct RegistryEndpoint: Sendable, Hashable {
    /// As in references: whose content it serves.
    var registry: String
    /// `https://registry-1.docker.io`, without a slash at the end.
    var base: String
    var usesTLS: Bool
    /// Under which credentials are kept: the registry's name, a mirror's host.
    var account: String
    var isMirror = false
    var trustRoots: [[UInt8]] = []
    var clientCertificate: ClientCertificate?
    var skipsVerification = false
    var headers: [String: String] = [:]
    private var overridesPath = false

    /// `https://registry-1.docker.io/v2`.
    var api: String { overridesPath ? base : base + "/v2" }

    /// The registry itself, where no policy says otherwise.
    init(_ registry: String, _ configuration: RegistryConfiguration) {
        self.registry = registry
        account = registry
        let host = Self.apiHost(of: registry)
        // A loopback registry with a certificate of its own is meant to be spoken to with TLS.
        let isPlainLoopback = Self.isLoopback(host) && configuration.additionalTrustRoots.isEmpty
        usesTLS = !configuration.plainHTTP.contains(registry) && !isPlainLoopback
        base = (usesTLS ? "https://" : "http://") + host
    }

    /// A host of a policy.
    /// - Throws: `.malformedDocument` when its address is none.
    init(_ host: RegistryHost, of registry: String, isMirror: Bool) throws(ImageError) {
        guard let url = URL(string: host.address), let scheme = url.scheme?.lowercased(), scheme == "https" || scheme == "http",
            let name = url.host(), !name.isEmpty, url.user() == nil, url.query() == nil
        else { throw ImageError(.malformedDocument, .registry(registry), "\(host.address) is no address of a host") }
        self.registry = registry
        base = host.address
        while base.hasSuffix("/") { base.removeLast() }
        usesTLS = scheme == "https"
        account = isMirror ? name.lowercased() + (url.port.map { ":\($0)" } ?? "") : registry
        self.isMirror = isMirror
        trustRoots = host.trustRoots
        clientCertificate = host.clientCertificate
        skipsVerification = host.skipsVerification
        headers = host.headers
        overridesPath = host.overridesPath
    }

    /// Docker's hub has its API under another name.
    static func apiHost(of registry: String) -> String { registry == Reference.defaultRegistry ? "registry-1.docker.io" : registry }

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

/// The hosts of a registry, in the order in which they are asked.
struct RegistryRoute: Sendable {
    private var hosts: [(endpoint: RegistryEndpoint, capabilities: RegistryHost.Capabilities)]

    /// Blocks, where directories have to be looked into.
    init(_ registry: String, _ configuration: RegistryConfiguration) throws(ImageError) {
        var policy = configuration.policies[registry]
        if policy == nil { policy = try HostsDirectory.policy(for: registry, in: configuration.hostsDirectories) }
        hosts = []
        for mirror in policy?.mirrors ?? [] {
            hosts.append((try RegistryEndpoint(mirror, of: registry, isMirror: true), mirror.capabilities))
        }
        var own = RegistryEndpoint(registry, configuration)
        if let server = policy?.server {
            own = try RegistryEndpoint(server, of: registry, isMirror: false)
            if configuration.plainHTTP.contains(registry), own.usesTLS, server.trustRoots.isEmpty, server.clientCertificate == nil {
                own = RegistryEndpoint(registry, configuration)
            }
        }
        hosts.append((own, [.pull, .resolve, .push]))
    }

    func endpoints(for capability: RegistryHost.Capabilities) -> [RegistryEndpoint] {
        hosts.filter { $0.capabilities.isSuperset(of: capability) }.map(\.endpoint)
    }
}
