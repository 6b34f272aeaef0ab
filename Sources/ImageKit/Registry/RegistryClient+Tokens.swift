internal import AsyncHTTPClient
internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

/// Answers to challenges. See: distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
extension RegistryClient {
    /// The header's value for a challenge.
    /// - Returns: nil when there is nothing to offer.
    func authorization(_ headers: [String], _ endpoint: RegistryEndpoint, _ request: Request) async throws -> String? {
        let challenges = headers.flatMap { AuthenticationChallenge.parse($0) }
        let repository = request.repository.isEmpty ? nil : request.repository
        let (configuration, account) = (configuration, endpoint.account)
        let credentials = try await BlockingWork.run {
            try configuration.credentials.credentials(for: account, repository: repository, helperLimit: configuration.helperLimit)
        }
        if let bearer = challenges.first(where: { $0.scheme == "bearer" }) {
            if let token = credentials?.registryToken { return "Bearer \(token)" }
            // The registry's own wording of the scope, and what we are about to do.
            let scopes = TokenScope.merged(request.scopes + TokenScope.parse(bearer.parameters["scope"] ?? ""))
            // The request is shared between tasks, so it has an idle limit of its own.
            let token = try await tokens.token(account, scopes) {
                try await IdleWatch.run(limit: configuration.idleLimit) { touch in
                    try await self.fetchToken(bearer, credentials, scopes, endpoint, request, touch)
                }
            }
            return "Bearer \(token)"
        }
        if challenges.contains(where: { $0.scheme == "basic" }), let credentials, credentials.identityToken == nil {
            return Self.basic(credentials)
        }
        return nil
    }

    private static func basic(_ credentials: RegistryCredentials) -> String {
        "Basic " + Data("\(credentials.username):\(credentials.password)".utf8).base64EncodedString()
    }

    private struct TokenService {
        var realm: String
        var host: String
        var service: String?
        var scopes: [String]
        var credentials: RegistryCredentials?
        var refreshToken: String?
        var endpoint: RegistryEndpoint
        /// On the registry's own origin, its certificates count.
        var isOwn: Bool
        var subject: ImageError.Subject
    }

    private func fetchToken(
        _ challenge: AuthenticationChallenge, _ credentials: RegistryCredentials?, _ scopes: [TokenScope], _ endpoint: RegistryEndpoint,
        _ request: Request, _ touch: @escaping @Sendable () -> Void
    ) async throws -> TokenCache.Token {
        guard let realm = challenge.parameters["realm"], let url = URL(string: realm), let host = url.host(), !host.isEmpty,
            url.user() == nil
        else { throw ImageError(.protocolViolation, request.subject, "the registry names no token service") }
        let isOwn = RedirectPolicy.haveOneOrigin(realm, endpoint.base)
        let isPlain = url.scheme?.lowercased() == "http"
        let isSafe =
            url.scheme?.lowercased() == "https" || (isPlain && !endpoint.usesTLS && (isOwn || RegistryEndpoint.isLoopback(host)))
        guard isSafe else {
            throw ImageError(.insecureRedirect, request.subject, "the registry's token service \(realm) is not on HTTPS")
        }
        var service = TokenService(
            realm: realm, host: host, service: challenge.parameters["service"], scopes: scopes.map(\.description),
            credentials: credentials, refreshToken: nil, endpoint: endpoint, isOwn: isOwn, subject: request.subject)
        service.refreshToken = await tokens.refreshToken(endpoint.account) ?? credentials?.identityToken
        var answer: TokenAnswer?
        if credentials != nil { answer = try await post(service, touch) }
        let got = if let answer { answer } else { try await get(service, touch) }
        // RFC 6750's b64token, loosely: what can stand in a header.
        guard let value = got.token ?? got.accessToken, !value.isEmpty, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw ImageError(.protocolViolation, request.subject, "the token service \(host) gave no usable token")
        }
        if let refresh = got.refreshToken, !refresh.isEmpty { await tokens.keep(refreshToken: refresh, for: endpoint.account) }
        // Sixty seconds where nothing is said; a little less than said, for clocks and the way.
        let seconds = min(max(Int64(got.expiresIn ?? 60), 60), 1 << 31) - 10
        return TokenCache.Token(value: value, expires: .now + .seconds(seconds))
    }

    /// - Returns: nil where the service does not know this way, or not this client: then it is asked with GET.
    private func post(_ service: TokenService, _ touch: @escaping @Sendable () -> Void) async throws -> TokenAnswer? {
        var form = [("client_id", "container-kit"), ("scope", service.scopes.joined(separator: " "))]
        if let name = service.service { form.append(("service", name)) }
        if let token = service.refreshToken {
            form += [("grant_type", "refresh_token"), ("refresh_token", token)]
        } else if let credentials = service.credentials {
            form += [("grant_type", "password"), ("username", credentials.username), ("password", credentials.password)]
        }
        var outgoing = HTTPClientRequest(url: service.realm)
        outgoing.method = .POST
        outgoing.headers.add(name: "User-Agent", value: "container-kit")
        outgoing.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        outgoing.body = .bytes(ByteBuffer(string: form.map { "\($0)=\(Self.encoded($1))" }.joined(separator: "&")))
        let response = try await connections.execute(outgoing, trusting: service.isOwn ? service.endpoint : nil)
        touch()
        switch response.status.code {
        case 200: return try await answer(response, service, touch)
        case 400, 401, 404, 405:
            // A refresh token has no other way, except the password beside it.
            let hasPassword = service.credentials.map { !$0.username.isEmpty && !$0.password.isEmpty } ?? false
            guard hasPassword else { throw try await failure(response, service) }
            await drain(response)
            return nil
        default:
            throw try await failure(response, service)
        }
    }

    private func get(_ service: TokenService, _ touch: @escaping @Sendable () -> Void) async throws -> TokenAnswer {
        let response = try await connections.execute(Self.question(service), trusting: service.isOwn ? service.endpoint : nil)
        touch()
        guard response.status == .ok else { throw try await failure(response, service) }
        return try await answer(response, service, touch)
    }

    private static func question(_ service: TokenService) throws(ImageError) -> HTTPClientRequest {
        guard var parts = URLComponents(string: service.realm) else {
            throw ImageError(.protocolViolation, service.subject, "the registry names no token service")
        }
        var query = parts.queryItems ?? []
        if let name = service.service { query.append(URLQueryItem(name: "service", value: name)) }
        for scope in service.scopes { query.append(URLQueryItem(name: "scope", value: scope)) }
        if let credentials = service.credentials { query.append(URLQueryItem(name: "account", value: credentials.username)) }
        parts.queryItems = query
        var outgoing = HTTPClientRequest(url: parts.string ?? service.realm)
        outgoing.headers.add(name: "User-Agent", value: "container-kit")
        if let credentials = service.credentials { outgoing.headers.add(name: "Authorization", value: basic(credentials)) }
        return outgoing
    }

    // Not inlined, nor is `answer`: the optimiser of Swift 6.3.1 crashes on the coroutine that they would become part of.
    @inline(never) private func failure(_ response: HTTPClientResponse, _ service: TokenService) async throws -> StatusFailure {
        await drain(response)
        var failure = StatusFailure(response)
        failure.tokenService = service.host
        return failure
    }

    @inline(never) private func answer(
        _ response: HTTPClientResponse, _ service: TokenService, _ touch: @escaping @Sendable () -> Void
    ) async throws -> TokenAnswer {
        try Document.decode(TokenAnswer.self, try await Self.body(of: response, limit: 1 << 20, service.subject, touch), service.subject)
    }

    /// For a form: everything but letters, digits and a few signs as `%XX`.
    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return result
    }

    private struct TokenAnswer: Decodable, Sendable {
        var token: String?
        var accessToken: String?
        var refreshToken: String?
        var expiresIn: Int?

        private enum CodingKeys: String, CodingKey {
            case token
            case accessToken = "access_token"
            case refreshToken = "refresh_token"
            case expiresIn = "expires_in"
        }
    }
}
