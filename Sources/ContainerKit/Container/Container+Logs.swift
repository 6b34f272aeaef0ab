internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

extension Container {
    /// What a container with `Output.file` has written, both streams in the order of its writes.
    ///
    /// - Parameter last: only this many lines.
    /// - Throws: `.configurationRefused` where the output goes elsewhere, `.storage`.
    public func logs(last: Int? = nil) async throws -> String {
        let log = LogFollower(self)
        var bytes: [UInt8] = []
        while let chunk = try await log.next(follow: false) {
            bytes.append(contentsOf: chunk)
            if bytes.count > engine.configuration.outputLimit { bytes.removeFirst(bytes.count - engine.configuration.outputLimit) }
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let last else { return text }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return (text.hasSuffix("\n") ? lines.dropLast() : lines[...]).suffix(last).joined(separator: "\n")
    }

    /// The same as a sequence of chunks that goes on until the container ends.
    public func followLogs() -> ContainerLog { ContainerLog(container: self) }
}

/// The log file of a container, from its beginning, as it grows.
public struct ContainerLog: AsyncSequence, Sendable {
    public typealias Element = [UInt8]
    let container: Container

    /// Reads on from where it stands.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let follower: LogFollower

        /// The next chunk; nil once the container has ended and everything was read.
        public mutating func next() async throws -> [UInt8]? { try await follower.next(follow: true) }
    }

    /// From the beginning.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(follower: LogFollower(container)) }
}

/// Reads a log file on the engine's threads.
final class LogFollower: Sendable {
    private let container: Container
    private let offset = Mutex<off_t>(0)

    init(_ container: Container) { self.container = container }

    /// - Parameter follow: waits for more until the container ends.
    func next(follow: Bool) async throws -> [UInt8]? {
        guard let path = container.logFile else {
            throw ContainerError(
                .configurationRefused, .container(container.id), "its output does not go to a file",
                advice: "Set `output` to `.file(nil)`, or read `standardOutput` and `standardError`.")
        }
        var pause = Duration.milliseconds(2)
        while true {
            // Asked before the read: what is there afterwards is everything.
            let hasEnded = container.exit != nil
            let position = offset.withLock { $0 }
            let chunk = try await container.engine.blocking { () throws(ContainerError) in try Self.read(path, at: position) }
            if !chunk.isEmpty {
                offset.withLock { $0 += chunk.count }
                return chunk
            }
            if hasEnded || !follow { return nil }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(50))
        }
    }

    private static func read(_ path: FilePath, at offset: off_t) throws(ContainerError) -> [UInt8] {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW)
            let capacity = 256 * 1024
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                result = pread(file.rawValue, buffer.baseAddress, capacity, offset)
                count = max(0, result)
            }
            if result < 0 { throw Errno(rawValue: errno) }
            return bytes
        } catch .noSuchFileOrDirectory { return [] } catch { throw .storage(error, path) }
    }
}
