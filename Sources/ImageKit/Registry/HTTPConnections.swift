internal import AsyncHTTPClient
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// The HTTP clients: one without a proxy and one for each proxy, since a client has at most one.
final class HTTPConnections: Sendable {
    private let configuration: RegistryConfiguration
    private let direct: HTTPClient
    private let ownsDirect: Bool
    private let state = Mutex(State())

    private struct State {
        var proxied: [ProxySettings.Server: HTTPClient] = [:]
        var trust: [Trust: TLSConfiguration] = [:]
    }

    private struct Trust: Hashable {
        var roots: [[UInt8]]
        var client: ClientCertificate?
        var skipsVerification: Bool
    }

    /// - Throws: `.protocolViolation` when a trust root is no certificate.
    init(_ configuration: RegistryConfiguration, client: HTTPClient?) throws(ImageError) {
        if !configuration.additionalTrustRoots.isEmpty {
            _ = try Self.tls(Trust(roots: configuration.additionalTrustRoots, client: nil, skipsVerification: false), "any")
        }
        self.configuration = configuration
        ownsDirect = client == nil
        direct = client ?? HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.settings(configuration))
    }

    /// Ends the clients that are ours.
    func shutdown() async throws {
        let proxied = state.withLock { state in
            defer { state.proxied = [:] }
            return state.proxied.values
        }
        for client in proxied { try await client.shutdown() }
        if ownsDirect { try await direct.shutdown() }
    }

    /// Sends a request.
    ///
    /// - Parameter endpoint: whose certificates count; nil where a redirect has led elsewhere.
    func execute(_ request: HTTPClientRequest, trusting endpoint: RegistryEndpoint?) async throws -> HTTPClientResponse {
        var request = request
        let trust = Trust(
            roots: configuration.additionalTrustRoots + (endpoint?.trustRoots ?? []), client: endpoint?.clientCertificate,
            skipsVerification: endpoint?.skipsVerification ?? false)
        if !trust.roots.isEmpty || trust.client != nil || trust.skipsVerification {
            request.tlsConfiguration = try configuration(for: trust, endpoint?.registry ?? "any")
        }
        return try await client(for: request.url).execute(request, deadline: .distantFuture)
    }

    private func client(for url: String) throws -> HTTPClient {
        // A client of the program's own has its own opinion of proxies.
        guard ownsDirect, let server = try configuration.proxies.server(for: url) else { return direct }
        return state.withLock { state in
            if let client = state.proxied[server] { return client }
            var settings = Self.settings(configuration)
            let authorization = server.user.map { HTTPClient.Authorization.basic(username: $0, password: server.password ?? "") }
            settings.proxy = .server(host: server.host, port: server.port, authorization: authorization)
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
            state.proxied[server] = client
            return client
        }
    }

    private static func settings(_ configuration: RegistryConfiguration) -> HTTPClient.Configuration {
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        settings.decompression = .disabled
        // Blobs come over several connections at once, and HTTP/2 would put all of them on one.
        settings.httpVersion = .http1Only
        settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 32
        // A refused connection is an answer: our own retries decide, not a loop until the connect limit.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.timeout.connect = .milliseconds(configuration.connectLimit.milliseconds)
        return settings
    }

    private func configuration(for trust: Trust, _ registry: String) throws -> TLSConfiguration {
        if let known = state.withLock({ $0.trust[trust] }) { return known }
        let made = try Self.tls(trust, registry)
        return state.withLock { state in
            if let known = state.trust[trust] { return known }
            state.trust[trust] = made
            return made
        }
    }

    private static func tls(_ trust: Trust, _ registry: String) throws(ImageError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            tls.additionalTrustRoots = [.certificates(try trust.roots.flatMap { try NIOSSLCertificate.fromPEMBytes($0) })]
        } catch { throw ImageError(.protocolViolation, .registry(registry), "a trust root is no PEM certificate", cause: error) }
        if let client = trust.client {
            do {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(client.chain).map { .certificate($0) }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: client.privateKey, format: .pem))
            } catch { throw ImageError(.protocolViolation, .registry(registry), "its client certificate or key is not PEM", cause: error) }
        }
        if trust.skipsVerification { tls.certificateVerification = .none }
        return tls
    }
}

extension Duration {
    /// Rounded down.
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
