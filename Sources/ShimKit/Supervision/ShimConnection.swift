internal import CLinux
internal import LinuxSystem
internal import ShimChild
internal import SpawnKit
internal import Synchronization
internal import SystemPackage

/// A connection to one shim: commands with their answers, and events in the order in which they were sent.
final class ShimConnection: Sendable {
    /// Descriptors that came with a frame.
    typealias Descriptors = [SharedDescriptor]
    /// Called on the reactor's thread; nil is the end of the connection.
    typealias EventHandler = @Sendable (ShimEvent?, Descriptors) -> Void

    private let socket: OwnedDescriptor
    private let reactor: Reactor
    private let onEvent: EventHandler
    private let state = Mutex(State())

    private struct State {
        var token: UInt64?
        var nextID: UInt64 = 1
        var pending: [UInt64: Outcome<(ShimReply, Descriptors)?>] = [:]
        /// Frames that the socket's buffer had no room for, in order: the shim is busy with those before.
        var queue: [(bytes: [UInt8], descriptors: Descriptors)] = []
        var hasEnded = false
    }
    private typealias Answer = Outcome<(ShimReply, Descriptors)?>

    init(_ socket: consuming OwnedDescriptor, reactor: Reactor, onEvent: @escaping EventHandler) throws(Errno) {
        self.socket = socket
        self.reactor = reactor
        self.onEvent = onEvent
        let token = try reactor.add(self.socket.rawValue, events: EPOLLIN.rawValue) { [weak self] in self?.ready($0) }
        state.withLock { $0.token = token }
    }

    deinit {
        if let token = state.withLock({ $0.token }) { reactor.remove(token, socket.rawValue) }
    }

    /// Sends a command and waits for its answer.
    /// - Returns: nil when the shim has ended.
    /// - Throws: `CancellationError`; the shim carries the command out all the same.
    func ask(_ command: ShimCommand, descriptors: Descriptors = []) async throws(CancellationError) -> (ShimReply, Descriptors)? {
        let outcome = Answer()
        let id = state.withLock { state -> UInt64? in
            if state.hasEnded { return nil }
            defer { state.nextID += 1 }
            state.pending[state.nextID] = outcome
            return state.nextID
        }
        guard let id else { return nil }
        send(command.encode(id: id), descriptors)
        return try await outcome.value()
    }

    /// Sends a command whose answer nobody waits for.
    func post(_ command: ShimCommand) { send(command.encode(id: 0), []) }

    /// Never blocks, and keeps the order of the calls.
    private func send(_ bytes: [UInt8], _ descriptors: Descriptors) {
        state.withLock { state in
            if state.hasEnded { return }
            state.queue.append((bytes, descriptors))
            // Longer than one: room is waited for already.
            if state.queue.count == 1, !flush(&state) { watch(state, EPOLLIN.rawValue | EPOLLOUT.rawValue) }
        }
    }

    /// - Returns: whether all is sent.
    private func flush(_ state: inout State) -> Bool {
        while let next = state.queue.first {
            do throws(Errno) {
                try socket.send(next.bytes, descriptors: next.descriptors.map(\.rawValue), nonBlocking: true)
            } catch {
                if error == .resourceTemporarilyUnavailable { return false }
                // Of one that has ended, the last frames are still to be read: `receive` comes to the end.
                if ![.brokenPipe, .connectionReset, .connectionRefused].contains(error) { close() }
            }
            state.queue.removeFirst()
        }
        return true
    }

    private func watch(_ state: borrowing State, _ events: UInt32) {
        if let token = state.token { try? reactor.rearm(token, socket.rawValue, events: events) }
    }

    private func ready(_ events: UInt32) {
        if events & EPOLLOUT.rawValue != 0 {
            state.withLock { state in if flush(&state) { watch(state, EPOLLIN.rawValue) } }
        }
        if events & ~EPOLLOUT.rawValue != 0 { receive() }
    }

    /// Closes the connection: for the creator of a throwaway container, its end.
    func close() {
        _ = shutdown(socket.rawValue, CInt(SHUT_RDWR))
    }

    private func receive() {
        while true {
            do throws(Errno) {
                guard let message = try socket.receive(nonBlocking: true) else { return end() }
                guard let event = try? ShimEvent(decoding: message.bytes) else { return end() }
                var descriptors: Descriptors = []
                var list = message.takeDescriptors()
                while let descriptor = list.take() { descriptors.append(SharedDescriptor(descriptor)) }
                if case .reply(let id, let reply) = event {
                    state.withLock { $0.pending.removeValue(forKey: id) }?.resolve((reply, descriptors))
                } else {
                    onEvent(event, descriptors)
                }
            } catch {
                if error == .resourceTemporarilyUnavailable { return }
                // It ended with a command of ours unread. The kernel says so once, before what it had sent.
                if error == .connectionReset { continue }
                return end()
            }
        }
    }

    private func end() {
        let (isFirst, token, pending) = state.withLock { state in
            defer { (state.hasEnded, state.token, state.pending, state.queue) = (true, nil, [:], []) }
            return (!state.hasEnded, state.token, Array(state.pending.values))
        }
        guard isFirst else { return }
        if let token { reactor.remove(token, socket.rawValue) }
        for outcome in pending { outcome.resolve(nil) }
        onEvent(nil, [])
    }
}
