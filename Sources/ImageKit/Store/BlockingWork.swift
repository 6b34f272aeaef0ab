internal import NIOPosix

/// File system calls and hashing, away from Swift's cooperative pool.
enum BlockingWork {
    /// - Throws: what `body` throws.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive(body)
    }
}
