public import AsyncHTTPClient
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel
internal import Synchronization

/// Speaks to registries: mirrors, authentication, redirects, retries. See: distribution-spec 1.1.
///
/// It owns its HTTP client, or uses the host program's; then redirects must be disallowed there, since AsyncHTTPClient
/// follows them from https to http, and its proxy counts instead of the configuration's.
public final class RegistryClient: Sendable {
    let configuration: RegistryConfiguration
    let logger: Logger
    let connections: HTTPConnections
    let tokens = TokenCache()
    private let routes = Mutex<[String: RegistryRoute]>([:])

    /// - Parameters:
    ///   - configuration: credentials, trust, limits.
    ///   - client: the host's; its owner shuts it down. Nil makes one.
    ///   - logger: where retries are noted.
    /// - Throws: `.protocolViolation` when a trust root is no certificate.
    public init(_ configuration: RegistryConfiguration, client: HTTPClient? = nil, logger: Logger) throws(ImageError) {
        self.configuration = configuration
        self.logger = logger
        connections = try HTTPConnections(configuration, client: client)
    }

    /// Closes the connections, if the client is ours.
    public func shutdown() async throws { try await connections.shutdown() }

    // MARK: requests

    /// A request to a registry's API.
    struct Request: Sendable {
        var registry: String
        var repository: String
        /// After `/v2/<repository>/`.
        var path: String
        var subject: ImageError.Subject
        var method = HTTPMethod.GET
        var accept: [String] = []
        var headers: [(name: String, value: String)] = []
        /// Made anew for each attempt: where a broken download goes on.
        var lateHeaders: (@Sendable () -> [(name: String, value: String)])?
        /// Made anew for each attempt.
        var body: (@Sendable () throws -> HTTPClientRequest.Body)?
        /// Instead of `path`: an address that the registry gave, resolved against its API.
        var location: String?
        /// What a host must be good for.
        var capability = RegistryHost.Capabilities.pull
        var scopes: [TokenScope]
        /// Statuses besides 2xx that are an answer and no failure.
        var expected: Set<Int> = []

        init(_ registry: String, _ repository: String, _ path: String, subject: ImageError.Subject, actions: Set<String> = ["pull"]) {
            self.registry = registry
            self.repository = repository
            self.path = path
            self.subject = subject
            scopes = repository.isEmpty ? [] : [TokenScope(resource: "repository:\(repository)", actions: actions)]
        }

        func url(at endpoint: RegistryEndpoint) -> String {
            var url = endpoint.api + "/" + (repository.isEmpty ? path : "\(repository)/\(path)")
            // A mirror of several registries is told whose content is meant, as containerd does.
            if endpoint.isMirror { url += (url.contains("?") ? "&" : "?") + "ns=" + endpoint.registry }
            return url
        }
    }

    /// Sends a request to the hosts of its registry, one after the other, and hands a successful answer to `body`.
    ///
    /// - Parameter body: gets the answer and a function to call whenever bytes have come. It may run several times.
    /// - Throws: what the last host's failure was: the registry's own.
    func send<Value: Sendable>(
        _ request: Request, _ body: @escaping @Sendable (HTTPClientResponse, @escaping @Sendable () -> Void) async throws -> Value
    ) async throws -> Value {
        var endpoints = try await route(request.registry).endpoints(for: request.capability)[...]
        guard let last = endpoints.popLast() else {
            throw ImageError(.unsupported, request.subject, "no host of \(request.registry) is configured for this")
        }
        // An upload is one conversation with one host: the registry's own.
        for mirror in request.capability.contains(.push) ? [] : endpoints {
            do { return try await attempt(request, at: mirror, body) } catch {
                try Task.checkCancellation()
                if (error as? ImageError)?.isLocal == true { throw error }
                logger.debug("The mirror \(mirror.base) was of no use: \(error)")
            }
        }
        return try await attempt(request, at: last, body)
    }

    private func route(_ registry: String) async throws -> RegistryRoute {
        if let known = routes.withLock({ $0[registry] }) { return known }
        let configuration = configuration
        let made = try await BlockingWork.run { try RegistryRoute(registry, configuration) }
        routes.withLock { $0[registry] = made }
        return made
    }

    /// At one host. A failure that may pass is tried again, `body` included.
    private func attempt<Value: Sendable>(
        _ request: Request, at endpoint: RegistryEndpoint,
        _ body: @escaping @Sendable (HTTPClientResponse, @escaping @Sendable () -> Void) async throws -> Value
    ) async throws -> Value {
        let policy = RetryPolicy(retries: configuration.retries, longestDelay: configuration.longestRetryDelay)
        var attempt = 0
        while true {
            do {
                return try await IdleWatch.run(limit: configuration.idleLimit) { touch in
                    try await body(try await self.authorized(request, endpoint, touch), touch)
                }
            } catch {
                try Task.checkCancellation()
                let failure = Self.imageError(error, request.subject, endpoint)
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
    private func authorized(
        _ request: Request, _ endpoint: RegistryEndpoint, _ touch: @escaping @Sendable () -> Void
    ) async throws -> HTTPClientResponse {
        let known = await tokens.token(endpoint.account, request.scopes)
        var (response, isRegistry) = try await follow(request, endpoint, authorization: known.map { "Bearer \($0)" }, touch)
        // Where a redirect led has no say in whom our credentials are shown to.
        if response.status == .unauthorized, isRegistry {
            if let known { await tokens.discard(endpoint.account, known) }
            let header = response.headers["WWW-Authenticate"]
            await drain(response)
            guard let authorization = try await authorization(header, endpoint, request) else {
                throw ImageError(.unauthorized, request.subject, "the registry \(endpoint.account) wants credentials")
            }
            touch()
            (response, isRegistry) = try await follow(request, endpoint, authorization: authorization, touch)
        }
        guard (200...299).contains(response.status.code) || request.expected.contains(Int(response.status.code)) else {
            throw StatusFailure(response, detail: await message(response))
        }
        return response
    }

    /// - Returns: the answer, and whether it is the registry's own: no redirect led to another origin.
    private func follow(
        _ request: Request, _ endpoint: RegistryEndpoint, authorization: String?, _ touch: @escaping @Sendable () -> Void
    ) async throws -> (HTTPClientResponse, isRegistry: Bool) {
        let api = request.url(at: endpoint)
        var step = RedirectPolicy.Step(url: api, keepsCredentials: true)
        if let location = request.location {
            step = try RedirectPolicy.step(from: api, location: location, followed: 0, request.subject)
        }
        var isRegistry = step.keepsCredentials
        var followed = 0
        while true {
            var outgoing = HTTPClientRequest(url: step.url)
            outgoing.method = request.method
            outgoing.headers.add(name: "User-Agent", value: "container-kit")
            // A compressed body would not have the digest that was asked for.
            outgoing.headers.add(name: "Accept-Encoding", value: "identity")
            for type in request.accept { outgoing.headers.add(name: "Accept", value: type) }
            for header in request.headers + (request.lateHeaders?() ?? []) { outgoing.headers.add(name: header.name, value: header.value) }
            if isRegistry {
                for (name, value) in endpoint.headers.sorted(by: { $0.key < $1.key }) {
                    outgoing.headers.replaceOrAdd(name: name, value: value)
                }
                if let authorization { outgoing.headers.replaceOrAdd(name: "Authorization", value: authorization) }
            }
            if let body = request.body { outgoing.body = try body() }
            let response = try await connections.execute(outgoing, trusting: isRegistry ? endpoint : nil)
            touch()
            guard [301, 302, 303, 307, 308].contains(response.status.code), !request.expected.contains(Int(response.status.code)) else {
                return (response, isRegistry)
            }
            // Only these two keep the method.
            if request.method != .GET, request.method != .HEAD, response.status.code < 307 {
                throw ImageError(.protocolViolation, request.subject, "it redirects an upload with status \(response.status.code)")
            }
            step = try RedirectPolicy.step(
                from: step.url, location: response.headers.first(name: "Location"), followed: followed, request.subject)
            await drain(response)
            // Credentials that were dropped on the way out do not come back with a redirect back.
            isRegistry = isRegistry && step.keepsCredentials
            followed += 1
        }
    }

    /// Reads a short body so that the connection can be used again; a long one is not worth it, nor is one that breaks.
    func drain(_ response: HTTPClientResponse) async { _ = await beginning(of: response) }

    private func beginning(of response: HTTPClientResponse) async -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await chunk in response.body {
                bytes.append(contentsOf: chunk.readableBytesView)
                if bytes.count > 64 * 1024 { break }
            }
        } catch { logger.debug("the body of an answer \(response.status.code) broke off: \(error)") }
        return bytes
    }

    /// What a registry says of its failure, one printable line. See: distribution-spec 1.1, "Error Codes".
    private func message(_ response: HTTPClientResponse) async -> String? {
        struct Answer: Decodable {
            struct Entry: Decodable {
                var code: String?
                var message: String?
            }
            var errors: [Entry]
        }
        let bytes = await beginning(of: response)
        guard let entry = try? Document.decode(Answer.self, bytes, .registry("")).errors.first else { return nil }
        let text = [entry.code, entry.message].compactMap { $0 }.joined(separator: ": ")
        let printable = text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f && !(0x80..<0xa0).contains($0.value) }
        return printable.isEmpty ? nil : String(String.UnicodeScalarView(printable.prefix(200)))
    }
}
