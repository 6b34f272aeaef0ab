public import AsyncHTTPClient
internal import FoundationEssentials
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import OCIModel

/// Speaks to registries: authentication, redirects, retries. See: distribution-spec 1.1.
///
/// It owns its HTTP client, or uses the host program's; then redirects must be disallowed there, since AsyncHTTPClient
/// follows them from https to http.
public final class RegistryClient: Sendable {
    let configuration: RegistryConfiguration
    let logger: Logger
    private let client: HTTPClient
    private let ownsClient: Bool
    private let tokens = TokenCache()

    /// - Parameters:
    ///   - configuration: credentials, trust, limits.
    ///   - client: the host's; its owner shuts it down. Nil makes one.
    ///   - logger: where retries are noted.
    /// - Throws: `.protocolViolation` when a trust root is no certificate.
    public init(_ configuration: RegistryConfiguration, client: HTTPClient? = nil, logger: Logger) throws(ImageError) {
        self.configuration = configuration
        self.logger = logger
        ownsClient = client == nil
        do {
            self.client = try client ?? Self.makeClient(configuration)
        } catch {
            throw ImageError(.protocolViolation, .registry("any"), "a trust root is no PEM certificate", cause: error)
        }
    }

    private static func makeClient(_ configuration: RegistryConfiguration) throws -> HTTPClient {
        var settings = HTTPClient.Configuration()
        settings.redirectConfiguration = .disallow
        settings.decompression = .disabled
        // A refused connection is an answer: our own retries decide, not a loop until the connect limit.
        settings.connectionPool.retryConnectionEstablishment = false
        settings.timeout.connect = .milliseconds(
            configuration.connectLimit.components.seconds * 1000 + configuration.connectLimit.components.attoseconds / 1_000_000_000_000_000
        )
        if !configuration.additionalTrustRoots.isEmpty {
            var tls = TLSConfiguration.makeClientConfiguration()
            let certificates = try configuration.additionalTrustRoots.flatMap { try NIOSSLCertificate.fromPEMBytes($0) }
            tls.additionalTrustRoots = [.certificates(certificates)]
            settings.tlsConfiguration = tls
        }
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    }

    /// Closes the connections, if the client is ours.
    public func shutdown() async throws { if ownsClient { try await client.shutdown() } }

    // MARK: requests

    struct Request: Sendable {
        var endpoint: RegistryEndpoint
        var repository: String
        /// After `/v2/<repository>/`.
        var path: String
        var accept: [String] = []
        var subject: ImageError.Subject

        var url: String { "\(endpoint.base)/v2/\(repository)/\(path)" }
        var scope: String { "repository:\(repository):pull" }
    }

    /// Sends a GET, follows redirects, authenticates when asked to, and hands a successful answer to `body`. A failure that
    /// may pass is tried again, `body` included.
    ///
    /// - Parameter body: gets the answer and a function to call whenever bytes have come.
    func get<Value: Sendable>(
        _ request: Request, _ body: @escaping @Sendable (HTTPClientResponse, @escaping @Sendable () -> Void) async throws -> Value
    ) async throws -> Value {
        let policy = RetryPolicy(retries: configuration.retries, longestDelay: configuration.longestRetryDelay)
        var attempt = 0
        while true {
            do {
                return try await IdleWatch.run(limit: configuration.idleLimit) { touch in
                    try await body(try await self.authorized(request, touch), touch)
                }
            } catch {
                try Task.checkCancellation()
                let failure = Self.imageError(error, request.subject, request.endpoint)
                let status = error as? StatusFailure
                guard status.map({ RetryPolicy.isTransient($0.status) }) ?? failure.isTransient,
                    let delay = policy.delay(attempt: attempt, retryAfter: status?.retryAfter)
                else { throw failure }
                logger.debug("\(failure); trying again in \(delay)")
                try await Task.sleep(for: delay)
                attempt += 1
            }
        }
    }

    /// With a token or password, fetched when the registry asks for it.
    private func authorized(_ request: Request, _ touch: @escaping @Sendable () -> Void) async throws -> HTTPClientResponse {
        let key = TokenCache.Key(registry: request.endpoint.registry, scope: request.scope)
        let known = await tokens.token(key)
        var (response, isRegistry) = try await follow(request, authorization: known.map { "Bearer \($0)" })
        touch()
        // Where a redirect led has no say in whom our credentials are shown to.
        if response.status == .unauthorized, isRegistry {
            if let known { await tokens.discard(key, known) }
            let header = response.headers["WWW-Authenticate"]
            await drain(response)
            guard let authorization = try await authorization(header, key, request) else {
                throw ImageError(.unauthorized, request.subject, "the registry \(request.endpoint.registry) wants credentials")
            }
            touch()
            (response, isRegistry) = try await follow(request, authorization: authorization)
            touch()
        }
        guard (200...299).contains(response.status.code) else {
            await drain(response)
            throw StatusFailure(response)
        }
        return response
    }

    /// - Returns: the answer, and whether it is the registry's own: no redirect led to another origin.
    private func follow(_ request: Request, authorization: String?) async throws -> (HTTPClientResponse, isRegistry: Bool) {
        var url = request.url
        var isRegistry = true
        var authorization = authorization
        var followed = 0
        while true {
            var outgoing = HTTPClientRequest(url: url)
            outgoing.headers.add(name: "User-Agent", value: "container-kit")
            // A compressed body would not have the digest that was asked for.
            outgoing.headers.add(name: "Accept-Encoding", value: "identity")
            for type in request.accept { outgoing.headers.add(name: "Accept", value: type) }
            if let authorization { outgoing.headers.add(name: "Authorization", value: authorization) }
            let response = try await client.execute(outgoing, deadline: .distantFuture)
            guard [301, 302, 303, 307, 308].contains(response.status.code) else { return (response, isRegistry) }
            let step = try RedirectPolicy.step(
                from: url, location: response.headers.first(name: "Location"), followed: followed, request.subject)
            await drain(response)
            if !step.keepsCredentials {
                authorization = nil
                isRegistry = false
            }
            url = step.url
            followed += 1
        }
    }

    /// Reads a short body so that the connection can be used again; a long one is not worth it, nor is one that breaks.
    private func drain(_ response: HTTPClientResponse) async {
        var size = 0
        do {
            for try await chunk in response.body {
                size += chunk.readableBytes
                if size > 64 * 1024 { return }
            }
        } catch { logger.debug("the body of an answer \(response.status.code) broke off: \(error)") }
    }

    // MARK: authentication

    /// The header's value for a challenge.
    /// - Returns: nil when there is nothing to offer.
    private func authorization(_ headers: [String], _ key: TokenCache.Key, _ request: Request) async throws -> String? {
        let challenges = headers.flatMap { AuthenticationChallenge.parse($0) }
        let credentials = await credentials(for: request.endpoint.registry)
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            // The request is shared between tasks, so it has an idle limit of its own.
            let token = try await tokens.token(key) {
                try await IdleWatch.run(limit: self.configuration.idleLimit) { touch in
                    try await self.fetchToken(bearer, credentials, key, request, touch)
                }
            }
            return "Bearer \(token)"
        }
        if challenges.contains(where: { $0.scheme == "basic" }), let credentials { return Self.basic(credentials) }
        return nil
    }

    private static func basic(_ credentials: RegistryCredentials) -> String {
        "Basic " + Data("\(credentials.username):\(credentials.password)".utf8).base64EncodedString()
    }

    private func credentials(for registry: String) async -> RegistryCredentials? {
        switch configuration.credentials {
        case .none: nil
        case .fixed(let byRegistry): byRegistry[registry]
        case .dockerConfiguration:
            try? await BlockingWork.run { DockerConfigurationFile.load()?.credentials(for: registry) }
        }
    }

    /// See: distribution's "Token Authentication Specification".
    private func fetchToken(
        _ challenge: AuthenticationChallenge, _ credentials: RegistryCredentials?, _ key: TokenCache.Key, _ request: Request,
        _ touch: @Sendable () -> Void
    ) async throws -> TokenCache.Token {
        guard let realm = challenge.parameters["realm"], var parts = URLComponents(string: realm), let host = parts.host else {
            throw ImageError(.protocolViolation, request.subject, "the registry names no token service")
        }
        let scheme = parts.scheme?.lowercased()
        let isSafe = scheme == "https" || (scheme == "http" && !request.endpoint.usesTLS && RegistryEndpoint.isLoopback(host))
        guard isSafe else {
            throw ImageError(.insecureRedirect, request.subject, "the registry's token service \(realm) is not on HTTPS")
        }
        var query = parts.queryItems ?? []
        if let service = challenge.parameters["service"] { query.append(URLQueryItem(name: "service", value: service)) }
        // The registry's own wording of the scope where it gives one, else what we are about to do.
        query.append(URLQueryItem(name: "scope", value: challenge.parameters["scope"] ?? key.scope))
        if let credentials { query.append(URLQueryItem(name: "account", value: credentials.username)) }
        parts.queryItems = query
        var outgoing = HTTPClientRequest(url: parts.string ?? realm)
        outgoing.headers.add(name: "User-Agent", value: "container-kit")
        if let credentials { outgoing.headers.add(name: "Authorization", value: Self.basic(credentials)) }
        let response = try await client.execute(outgoing, deadline: .distantFuture)
        touch()
        guard response.status == .ok else {
            await drain(response)
            var failure = StatusFailure(response)
            failure.tokenService = host
            throw failure
        }
        let body = try await Self.body(of: response, limit: 1 << 20, request.subject, touch)
        let answer = try Document.decode(TokenAnswer.self, body, request.subject)
        // RFC 6750's b64token, loosely: what can stand in a header.
        guard let value = answer.token ?? answer.accessToken, !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ImageError(.protocolViolation, request.subject, "the token service \(host) gave no usable token")
        }
        // Sixty seconds where nothing is said; a little less than said, for clocks and the way.
        let seconds = max(Int64(answer.expiresIn ?? 60), 60) - 10
        return TokenCache.Token(value: value, expires: .now + .seconds(seconds))
    }

    private struct TokenAnswer: Decodable {
        var token: String?
        var accessToken: String?
        var expiresIn: Int?

        private enum CodingKeys: String, CodingKey {
            case token
            case accessToken = "access_token"
            case expiresIn = "expires_in"
        }
    }
}
