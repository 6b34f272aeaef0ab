internal import NIOPosix

/// File system calls and hashing, away from Swift's cooperative pool.
enum BlockingWork {
    /// - Throws: what `body` throws.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    /// To its end, also in a task that was cancelled: for what must not be lost on the way, and for cleaning up.
    /// - Throws: what `body` throws.
    static func finish<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await Task { try await run(body) }.value
    }
}
