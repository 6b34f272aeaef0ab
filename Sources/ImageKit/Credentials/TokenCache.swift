/// Bearer tokens by registry and scope. Concurrent requests for one token share one request.
actor TokenCache {
    struct Key: Hashable, Sendable {
        var registry: String
        var scope: String
    }
    struct Token: Sendable {
        var value: String
        var expires: ContinuousClock.Instant
    }

    private struct Flight {
        var number: Int
        var task: Task<Void, Never>
        var waiting: [Int: CheckedContinuation<String, any Error>] = [:]
    }

    private var tokens: [Key: Token] = [:]
    private var flights: [Key: Flight] = [:]
    private var lastNumber = 0

    /// The token, while it is valid.
    func token(_ key: Key) -> String? {
        guard let token = tokens[key], token.expires > .now else { return nil }
        return token.value
    }

    /// Forgets a token that a registry refused.
    func discard(_ key: Key, _ value: String) {
        if tokens[key]?.value == value { tokens[key] = nil }
    }

    /// The token, fetched when there is none.
    ///
    /// A task that is cancelled stops waiting at once; the request ends when nobody waits for it any more.
    func token(_ key: Key, fetch: @escaping @Sendable () async throws -> Token) async throws -> String {
        if let token = token(key) { return token }
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
        if case .success(let token) = result { tokens[key] = token }
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
