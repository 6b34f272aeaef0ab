internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Bytes of a container's output file, and where they stand.
public struct OutputChunk: Sendable, Hashable {
    /// Of the first byte, from the beginning of everything the container ever wrote.
    public var offset: Int64
    /// What was written there.
    public var bytes: [UInt8]
    /// Bytes before these that the file's bound had taken away before they were read.
    public var lost: Int64

    /// Where the next chunk begins. A program that stores this together with what it made of the bytes sees each byte exactly once,
    /// however it ends.
    public var end: Int64 { offset + Int64(bytes.count) }
}

/// What a container with `Output.file` writes, from an offset on, until it has ended.
public struct ContainerOutputFile: AsyncSequence, Sendable {
    public typealias Element = OutputChunk
    let container: Container
    let start: Int64

    /// Reads on from where it stands.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let container: Container
        var position: Int64

        /// The next chunk, at most 256 KiB; nil once the container has ended and everything was read.
        /// - Throws: `.configurationRefused` where the output goes elsewhere; `.storage`; `CancellationError`.
        public mutating func next() async throws -> OutputChunk? {
            guard let path = container.logFile, !container.isLogged else {
                throw ContainerError(
                    .configurationRefused, .container(container.id), "its output does not go to a file",
                    advice: "Set `output` to `.file(nil)`, or read `standardOutput` and `standardError`.")
            }
            var pause = Duration.milliseconds(1)
            while true {
                let hasEnded = container.exit != nil
                let from = position
                let chunk = try await container.engine.blocking { () throws(ContainerError) in try OutputFile.read(path, at: from) }
                if let chunk {
                    position = chunk.end
                    return chunk
                }
                if hasEnded { return nil }
                try await Task.sleep(for: pause)
                pause = Swift.min(pause * 2, .milliseconds(20))
            }
        }
    }

    /// From the offset on.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(container: container, position: start) }
}

extension Container {
    /// The output file from an offset on: 0, or `OutputChunk.end` of the last chunk that was dealt with.
    ///
    /// The file is bounded (`ContainerConfiguration.outputFileSize`): a reader that falls behind by more is told how much it lost. The
    /// container may truncate its own file through /dev/stdout; reading then begins again at 0.
    public func outputFile(from offset: Int64 = 0) -> ContainerOutputFile { ContainerOutputFile(container: self, start: offset) }

    /// Gives the space before an offset back: whoever reads has stored what it made of it.
    /// - Throws: `.storage`.
    public func releaseOutput(before offset: Int64) async throws(ContainerError) {
        guard let path = logFile, !isLogged else { return }
        try await engine.blocking { () throws(ContainerError) in try OutputFile.release(path, before: offset) }
    }
}

enum OutputFile {
    private static let chunk = 256 * 1024
    /// SEEK_DATA of man 2 lseek.
    private static let seekData: CInt = 3

    /// - Returns: nil when nothing is there yet.
    static func read(_ path: FilePath, at position: Int64) throws(ContainerError) -> OutputChunk? {
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW)
            var status = Glibc.stat()
            guard fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
            var offset = position
            if status.st_size < offset { offset = 0 }
            if status.st_size == offset { return nil }
            // What the bound took away is a hole.
            let data = Int64(lseek(file.rawValue, off_t(offset), seekData))
            let start = data < 0 ? offset : data
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: chunk) { buffer, count in
                result = pread(file.rawValue, buffer.baseAddress, chunk, off_t(start))
                count = max(0, result)
            }
            if result < 0 { throw Errno(rawValue: errno) }
            return result == 0 ? nil : OutputChunk(offset: start, bytes: bytes, lost: start - offset)
        } catch .noSuchFileOrDirectory { return nil } catch { throw .storage(error, path) }
    }

    static func release(_ path: FilePath, before offset: Int64) throws(ContainerError) {
        let end = offset / 4096 * 4096
        if end <= 0 { return }
        do throws(Errno) {
            let file = try OwnedDescriptor.open(path.string, flags: O_RDWR | O_NOFOLLOW)
            // KEEP_SIZE | PUNCH_HOLE, see: man 2 fallocate.
            do throws(Errno) { try file.punchHole(from: 0, to: end) } catch {
                if error.rawValue != EOPNOTSUPP { throw error }
            }
        } catch .noSuchFileOrDirectory {} catch { throw .storage(error, path) }
    }
}
