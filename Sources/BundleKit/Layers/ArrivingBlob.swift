internal import Glibc
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The file of a blob that is being downloaded, and the pipe that tells its reader how far it is.
final class ArrivingBlob: Sendable {
    /// Open for reading, with a position of its own, which the unpacker shares.
    let file: SharedDescriptor
    /// The end of the pipe that the unpacker reads.
    let frontier: SharedDescriptor
    private let state: Mutex<State>

    private struct State {
        var pipe: SharedDescriptor?
        var offset: Int64 = 0
        var isVoid = false
        var onAbandon: (@Sendable () -> Void)?
    }

    init(_ original: FileDescriptor) throws(Errno) {
        file = SharedDescriptor(try OwnedDescriptor.open("/proc/self/fd/\(original.rawValue)", flags: O_RDONLY))
        let pipe = try Pipe()
        // A reader that does not read must not hold a download up.
        guard fcntl(pipe.writing.rawValue, F_SETFL, O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
        frontier = pipe.reading
        state = Mutex(State(pipe: pipe.writing))
    }

    func advance(to offset: Int64) {
        state.withLock { state in
            state.offset = offset
            guard let pipe = state.pipe else { return }
            // A full pipe holds offsets that the reader has not looked at; a later one, or the end, says as much.
            var value = UInt64(offset).littleEndian
            _ = write(pipe.rawValue, &value, 8)
        }
    }

    /// All bytes are there and verified: the end of the pipe says so.
    func complete() { state.withLock { $0.pipe = nil } }

    /// What has come is void. Whoever reads it is ended first, since the end of the pipe would say that it is complete.
    func abandon() {
        let action = state.withLock { state in
            state.isVoid = true
            defer { state.onAbandon = nil }
            return state.onAbandon
        }
        action?()
        state.withLock { $0.pipe = nil }
    }

    /// Runs `action` when the blob becomes void; at once when it is.
    func onAbandon(_ action: @escaping @Sendable () -> Void) {
        let isVoid = state.withLock { state in
            if !state.isVoid { state.onAbandon = action }
            return state.isVoid
        }
        if isVoid { action() }
    }

    var isVoid: Bool { state.withLock { $0.isVoid } }

    // MARK: the budget

    /// All blobs of the process that somebody reads while they arrive.
    private static let read = Mutex<[ObjectIdentifier: ArrivingBlob]>([:])

    /// Bytes that downloads are ahead of their readers, together. One that nobody reads yet does not count: its reader may wait for
    /// others, whose downloads must go on.
    static var bytesAheadOfReaders: Int64 { read.withLock { $0.values.reduce(0) { $0 + $1.bytesAhead } } }

    func beginReading() { Self.read.withLock { $0[ObjectIdentifier(self)] = self } }
    func endReading() { Self.read.withLock { $0[ObjectIdentifier(self)] = nil } }

    private var bytesAhead: Int64 {
        let position = Int64(lseek(file.rawValue, 0, SEEK_CUR))
        return state.withLock { max(0, $0.offset - max(0, position)) }
    }
}
