import Glibc
package import SystemPackage
package import Testing

/// A fixture that takes back what a test made, last first, also when the test throws.
///
/// ```swift
/// try await withCleanup { cleanup in
///     let directory = try cleanup.directory()
///     let registry = try DockerRegistry(in: cleanup)
///     …
/// }
/// ```
package final class Cleanup {
    private var actions: [() async throws -> Void] = []

    /// Runs `action` at the end, before those that were added earlier.
    package func add(_ action: @escaping () async throws -> Void) { actions.append(action) }

    /// A fresh directory of mode 0700, removed at the end with all it holds.
    ///
    /// - Parameters:
    ///   - depth: At least this many bytes of path, for the tests that need a long one.
    ///   - place: Where it lies; nil is the base of all.
    package func directory(_ name: String = "test", depth: Int = 0, in place: FilePath? = nil) throws -> FilePath {
        let directory = try TestDirectory.make(name, in: place)
        add { try TestDirectory.remove(directory) }
        var path = directory
        while path.string.utf8.count < depth {
            path.append(String(repeating: "d", count: min(60, max(1, depth - path.string.utf8.count - 1))))
            try TestDirectory.create(path)
        }
        return path
    }

    fileprivate func run() async -> [any Error] {
        var failures: [any Error] = []
        while let action = actions.popLast() {
            do { try await action() } catch { failures.append(error) }
        }
        return failures
    }
}

/// Runs `body` with a cleanup. A cleanup that fails is an issue of the test.
package func withCleanup<Value>(
    _ sourceLocation: SourceLocation = #_sourceLocation, _ body: (Cleanup) async throws -> Value
) async throws -> Value {
    let cleanup = Cleanup()
    let result: Result<Value, any Error>
    do { result = .success(try await body(cleanup)) } catch { result = .failure(error) }
    for failure in await cleanup.run() { Issue.record(failure, "cleanup", sourceLocation: sourceLocation) }
    return try result.get()
}

/// Directories of tests.
package enum TestDirectory {
    /// Where they lie: `$TMPDIR`, else `/tmp`.
    package static var base: FilePath { FilePath(getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp") }

    /// Where directories lie in memory, for what would take a disk minutes; nil where there is none.
    package static var memory: FilePath? { access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nil }

    package static func make(_ name: String = "test", in place: FilePath? = nil) throws -> FilePath {
        var template = Array((place ?? base).appending("ck-\(name)-XXXXXX").string.utf8CString)
        guard mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        return template.withUnsafeBufferPointer { FilePath(platformString: $0.baseAddress!) }
    }

    package static func create(_ path: FilePath, mode: UInt32 = 0o755) throws {
        guard mkdir(path.string, mode) == 0 || errno == EEXIST else { throw Errno(rawValue: errno) }
    }

    /// Removes a tree without following symbolic links or crossing into what is mounted below it.
    package static func remove(_ path: FilePath) throws { try Command.run("rm", "-rf", "--one-file-system", "--", path.string) }

    /// Runs `body` with a fresh directory that is removed afterwards.
    package static func with<Value>(
        _ name: String = "test", in place: FilePath? = nil, _ body: (FilePath) async throws -> Value
    ) async throws -> Value {
        try await withCleanup { try await body($0.directory(name, in: place)) }
    }
}
