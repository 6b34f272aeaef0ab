/// Bearer tokens by registry and scope. Concurrent requests for one token share one request.
actor TokenCache {
    struct Token: Sendable {
        var value: String
        var expires: ContinuousClock.Instant
    }

    private struct Key: Hashable, Sendable {
        var account: String
        var scopes: [TokenScope]
    }

    private struct Flight {
        var number: Int
        var task: Task<Void, Never>
        var waiting: [Int: CheckedContinuation<String, any Error>] = [:]
    }

    private var tokens: [Key: Token] = [:]
    private var refreshTokens: [String: String] = [:]
    private var flights: [Key: Flight] = [:]
    private var lastNumber = 0
    /// Each repository has a token of its own: a program that asks for many must not keep all.
    private static let capacity = 512

    /// A token that is valid and good for the scopes, be it for more.
    func token(_ account: String, _ scopes: [TokenScope]) -> String? {
        let key = Key(account: account, scopes: TokenScope.merged(scopes))
        if let token = tokens[key], token.expires > .now { return token.value }
        return tokens.filter { entry in
            entry.key.account == account && entry.value.expires > .now && scopes.allSatisfy { $0.isIn(entry.key.scopes) }
        }.max { $0.value.expires < $1.value.expires }?.value.value
    }

    /// Forgets a token that a registry refused.
    func discard(_ account: String, _ value: String) { tokens = tokens.filter { $0.key.account != account || $0.value.value != value } }

    /// What a token service gave besides a token, to be shown there the next time.
    func refreshToken(_ account: String) -> String? { refreshTokens[account] }
    func keep(refreshToken: String, for account: String) { refreshTokens[account] = refreshToken }

    /// The token, fetched when there is none.
    ///
    /// A task that is cancelled stops waiting at once; the request ends when nobody waits for it any more.
    func token(_ account: String, _ scopes: [TokenScope], fetch: @escaping @Sendable () async throws -> Token) async throws -> String {
        if let token = token(account, scopes) { return token }
        let key = Key(account: account, scopes: TokenScope.merged(scopes))
        lastNumber += 1
        let number = lastNumber
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                var flight = flights[key] ?? start(number, key, fetch)
                flight.waiting[number] = continuation
                flights[key] = flight
            }
        } onCancel: {
            Task { await self.leave(number, key) }
        }
    }

    private func start(_ number: Int, _ key: Key, _ fetch: @escaping @Sendable () async throws -> Token) -> Flight {
        Flight(
            number: number,
            task: Task {
                do { self.land(number, key, .success(try await fetch())) } catch { self.land(number, key, .failure(error)) }
            })
    }

    private func land(_ number: Int, _ key: Key, _ result: Result<Token, any Error>) {
        guard let flight = flights[key], flight.number == number else { return }
        flights[key] = nil
        if case .success(let token) = result {
            if tokens.count >= Self.capacity { tokens = tokens.filter { $0.value.expires > .now } }
            if tokens.count >= Self.capacity { tokens = [:] }
            tokens[key] = token
        }
        for continuation in flight.waiting.values { continuation.resume(with: result.map(\.value)) }
    }

    private func leave(_ number: Int, _ key: Key) {
        guard let continuation = flights[key]?.waiting.removeValue(forKey: number) else { return }
        if let flight = flights[key], flight.waiting.isEmpty {
            flight.task.cancel()
            flights[key] = nil
        }
        continuation.resume(throwing: CancellationError())
    }
}
