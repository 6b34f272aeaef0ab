internal import CLinux
public import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Standard output or standard error of a process, as an asynchronous sequence of chunks of bytes.
///
/// It is pulled: a process that writes more than the pipe holds (64 KiB, and 1 MiB while a reader takes all of it at once) waits until it
/// is read. One task reads; a second iterator continues where the first stopped.
public struct ContainerOutput: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let reader: OutputReader?

    init(_ descriptor: SharedDescriptor?, reactor: Reactor) {
        reader = descriptor.map { OutputReader($0, reactor: reactor) }
    }

    /// An output that is empty: discarded, or given to somebody else.
    static func empty(_ reactor: Reactor) -> ContainerOutput { ContainerOutput(nil, reactor: reactor) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let reader: OutputReader?

        /// The next chunk, at most 256 KiB; nil at the end. It runs where its caller does.
        /// - Throws: `CancellationError`, or `ShimError` when reading fails.
        public nonisolated(nonsending) mutating func next(isolation actor: (any Actor)? = #isolation) async throws -> [UInt8]? {
            try await reader?.read()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(reader: reader) }

    /// Everything until the end.
    ///
    /// - Parameter limit: bytes. Whatever comes after them is read and thrown away, so that the process does not hang.
    /// - Returns: the bytes, and whether there were more.
    /// - Throws: as the iterator.
    public func collect(limit: Int) async throws -> (bytes: [UInt8], isTruncated: Bool) {
        var bytes: [UInt8] = []
        var isTruncated = false
        for try await chunk in self {
            let room = limit - bytes.count
            if chunk.count <= room {
                bytes.append(contentsOf: chunk)
            } else {
                bytes.append(contentsOf: chunk.prefix(room))
                isTruncated = true
            }
        }
        return (bytes, isTruncated)
    }

    /// The output as lines of text without their terminators; invalid UTF-8 is repaired.
    public var lines: ContainerLines { ContainerLines(self) }

    /// The descriptor itself, for a program that reads it by its own means (it is non-blocking). Nil when there is
    /// none. Reading it here and there splits the stream between the two.
    /// - Throws: `Errno.tooManyOpenFiles`.
    public func descriptor() throws -> OwnedDescriptor? { try reader?.descriptor.duplicate() }

    /// How much waits to be read, and how much fits: a process that fills it is blocked on its output. Nil where there is no pipe.
    public var backlog: (bytes: Int, capacity: Int)? {
        guard let descriptor = reader?.descriptor else { return nil }
        var count: CInt = 0
        let capacity = ck_fcntl(descriptor.rawValue, F_GETPIPE_SZ, 0)
        guard capacity > 0, ck_ioctl_pointer(descriptor.rawValue, ck_FIONREAD, &count) == 0 else { return nil }
        return (Int(count), capacity)
    }

    /// Whether the process has filled the pipe and waits to be read. A write of less than a page may need a page of its own, so the last
    /// one does not count.
    public var isBlocked: Bool { backlog.map { $0.bytes > $0.capacity - 4096 } ?? false }

    /// Gives chunks back that were read by the way: the next reader gets them first. Nobody reads meanwhile.
    package func unread(_ chunks: [[UInt8]]) { reader?.unread(chunks) }
}
