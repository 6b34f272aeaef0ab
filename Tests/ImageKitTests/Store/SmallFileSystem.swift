import CLinux
import LinuxSystem
import SystemPackage

/// A file system that is soon full, seen by one thread only: nothing is mounted for the rest of the program.
enum SmallFileSystem {
    /// Runs `body` on a thread of its own with a tmpfs of `size` bytes mounted at `directory`. Needs root.
    static func with<Value: Sendable>(
        size: Int, at directory: FilePath, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try ServiceThread.start("small-fs") {
                    continuation.resume(
                        with: Result {
                            try check(ck_unshare(UInt64(CLONE_NEWNS)))
                            try check(ck_mount(nil, "/", nil, UInt(MS_REC | MS_PRIVATE), nil))
                            try check(ck_mount("tmpfs", directory.string, "tmpfs", 0, "size=\(size)"))
                            return try body()
                        })
                }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
