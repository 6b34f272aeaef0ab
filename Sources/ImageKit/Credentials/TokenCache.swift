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

    private var tokens: [Key: Token] = [:]
    private var running: [Key: Task<Token, any Error>] = [:]

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
    func token(_ key: Key, fetch: @escaping @Sendable () async throws -> Token) async throws -> String {
        if let token = token(key) { return token }
        let task = running[key] ?? Task { try await fetch() }
        running[key] = task
        defer { if running[key] == task { running[key] = nil } }
        let token = try await task.value
        tokens[key] = token
        return token.value
    }
}
