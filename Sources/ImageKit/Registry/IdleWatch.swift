internal import Synchronization

/// Ends work that makes no progress: HTTP clients stop counting time once the head of an answer has come.
enum IdleWatch {
    /// - Parameter body: calls its argument whenever something has come.
    /// - Throws: `TimedOut` when nothing came within `limit`; what `body` throws.
    static func run<Value: Sendable>(
        limit: Duration, _ body: @escaping @Sendable (@escaping @Sendable () -> Void) async throws -> Value
    ) async throws -> Value {
        let last = LastProgress()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body { last.touch() } }
            group.addTask {
                while true {
                    let idle = last.idle
                    if idle >= limit { throw TimedOut() }
                    try await Task.sleep(for: limit - idle)
                }
            }
            defer { group.cancelAll() }
            guard let value = try await group.next(), let value else { throw TimedOut() }
            return value
        }
    }

    struct TimedOut: Error {}

    private final class LastProgress: Sendable {
        private let instant = Mutex(ContinuousClock.now)
        func touch() { instant.withLock { $0 = .now } }
        var idle: Duration { .now - instant.withLock { $0 } }
    }
}
