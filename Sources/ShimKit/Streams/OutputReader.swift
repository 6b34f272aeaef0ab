internal import CLinux
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Reads a pipe or a pty master as it becomes ready.
final class OutputReader: Sendable {
    let descriptor: SharedDescriptor
    private let readiness: Readiness
    /// Its lock is never contended, but by a reader of another program that takes over.
    private let state = Mutex(State())

    private struct State {
        /// Chunks that a reader gave back, the first to be read again first.
        var returned: [[UInt8]] = []
        var revoked: ShimError?
        var size = ReadSize()
        var pipe = Pipe.asFound
    }

    /// Pipes that this program has widened. Those of all containers count against one limit of their user (`pipe-user-pages-soft`, 64 MiB as a
    /// rule), above which new pipes in containers would be tiny: a quarter of it at most.
    private static let widePipes = Atomic<Int>(0)
    private static let mostWide = 16

    private enum Pipe {
        case asFound
        /// By this program; it held `capacity` bytes before.
        case widened(capacity: Int)
        /// By somebody else.
        case wide
        /// No pipe, or the user has too many wide ones.
        case fixed
    }

    init(_ descriptor: SharedDescriptor, reactor: Reactor) {
        self.descriptor = descriptor
        readiness = Readiness(descriptor, writing: false, reactor: reactor)
    }

    deinit {
        state.withLock { state in
            giveBack(&state)
            // What nobody has read keeps its room, and goes with the pipe.
            if case .widened = state.pipe { Self.widePipes.subtract(1, ordering: .relaxed) }
        }
    }

    func unread(_ chunks: [[UInt8]]) { state.withLock { $0.returned.insert(contentsOf: chunks, at: 0) } }

    /// The stream is somebody else's: this program reads no further.
    func revoke(_ error: ShimError) {
        state.withLock { $0.revoked = error }
        readiness.interrupt()
    }

    /// - Returns: nil at the end.
    func read() async throws -> [UInt8]? {
        while true {
            let (chunk, error, size) = state.withLock { state in
                (state.returned.isEmpty ? nil : state.returned.removeFirst(), state.revoked, state.size.bytes)
            }
            if let chunk { return chunk }
            if let error { throw error }
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                result = ck_read(descriptor.rawValue, buffer.baseAddress, size)
                count = Swift.max(0, result)
            }
            switch result {
            case 1...:
                adapt(to: result)
                return bytes
            // A pty master whose last slave was closed says EIO: the end.
            case 0, -Int(EIO): return nil
            case -Int(EINTR): continue
            case -Int(EAGAIN):
                narrow()
                try await readiness.wait()
            default:
                throw ShimError(.streamFailed, errno: Errno(rawValue: CInt(-result)), "cannot read the output of the process")
            }
        }
    }

    private func adapt(to count: Int) {
        state.withLock { state in
            guard state.size.adapt(to: count) else { return }
            if case .asFound = state.pipe { state.pipe = widen() }
            switch state.pipe {
            case .widened, .wide: state.size.widened()
            case .asFound, .fixed: break
            }
        }
    }

    private func widen() -> Pipe {
        let capacity = ck_fcntl(descriptor.rawValue, F_GETPIPE_SZ, 0)
        guard capacity > 0 else { return .fixed }
        guard capacity < ReadSize.widePipe else { return .wide }
        guard Self.widePipes.add(1, ordering: .relaxed).newValue <= Self.mostWide,
            ck_fcntl(descriptor.rawValue, F_SETPIPE_SZ, ReadSize.widePipe) > 0
        else {
            Self.widePipes.subtract(1, ordering: .relaxed)
            return .fixed
        }
        return .widened(capacity: capacity)
    }

    /// Once the pipe is empty and the burst is over.
    private func narrow() { state.withLock { if $0.size.fitsPipe { giveBack(&$0) } } }

    /// Gives the room back that a burst took. Refused where the process has filled it meanwhile: it stays wide until the next pause.
    private func giveBack(_ state: inout State) {
        guard case .widened(let capacity) = state.pipe else { return }
        guard ck_fcntl(descriptor.rawValue, F_SETPIPE_SZ, capacity) > 0 else { return }
        Self.widePipes.subtract(1, ordering: .relaxed)
        state.pipe = .asFound
    }
}
