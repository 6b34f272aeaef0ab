internal import LinuxSystem
internal import SystemPackage

/// Runs what blocks (walks over trees, flushes) on a thread of its own, never on Swift's pool.
enum BlockingWork {
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BundleError) -> Value
    ) async throws(BundleError) -> Value {
        let result: Result<Value, BundleError> = await withCheckedContinuation { continuation in
            do throws(Errno) {
                try ServiceThread.start("ck-bundle") {
                    do throws(BundleError) { continuation.resume(returning: .success(try body())) } catch {
                        continuation.resume(returning: .failure(error))
                    }
                }
            } catch {
                continuation.resume(
                    returning: .failure(BundleError(.storage, .image, errno: error, "No thread could be started: raise ulimit -u.")))
            }
        }
        return try result.get()
    }
}
