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
        var position: Int64 = 0
        var isRead = false
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
            budget(state)
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

    func beginReading() { count { $0.isRead = true } }

    /// Forgets the reader, who holds this blob.
    func endReading() {
        count { state in
            state.isRead = false
            state.onAbandon = nil
        }
    }

    /// The reader has taken all bytes before this offset.
    func wasRead(to offset: Int64) { count { $0.position = max($0.position, offset) } }

    /// Changes what the budget depends on, and tells it, under one lock: later news come later.
    private func count(_ change: (inout sending State) -> Void) {
        state.withLock { state in
            change(&state)
            budget(state)
        }
    }

    private func budget(_ state: State) {
        ReadingBudget.shared.note(ObjectIdentifier(self), ahead: state.isRead ? max(0, state.offset - state.position) : nil)
    }

    deinit { ReadingBudget.shared.note(ObjectIdentifier(self), ahead: nil) }
}
