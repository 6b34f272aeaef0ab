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
        var hasEnded = false
    }
    private typealias Answer = Outcome<(ShimReply, Descriptors)?>

    init(_ socket: consuming OwnedDescriptor, reactor: Reactor, onEvent: @escaping EventHandler) throws(Errno) {
        self.socket = socket
        self.reactor = reactor
        self.onEvent = onEvent
        let token = try reactor.add(self.socket.rawValue, events: EPOLLIN.rawValue) { [weak self] _ in self?.receive() }
        state.withLock { $0.token = token }
    }

    deinit {
        if let token = state.withLock({ $0.token }) { reactor.remove(token, socket.rawValue) }
    }

    /// Sends a command and waits for its answer.
    /// - Returns: nil when the shim has ended.
    /// - Throws: `CancellationError`; the shim carries the command out all the same.
    func ask(_ command: ShimCommand, descriptors: [CInt] = []) async throws(CancellationError) -> (ShimReply, Descriptors)? {
        let outcome = Answer()
        let id = state.withLock { state -> UInt64? in
            if state.hasEnded { return nil }
            defer { state.nextID += 1 }
            state.pending[state.nextID] = outcome
            return state.nextID
        }
        guard let id else { return nil }
        // A buffer full of our own commands is a shim that hangs: treated as its end.
        do throws(Errno) {
            try socket.send(command.encode(id: id), descriptors: descriptors, nonBlocking: true)
        } catch {
            // Of one that has ended, the last frames are still to be read: `receive` comes to the end.
            if ![.brokenPipe, .connectionReset, .connectionRefused].contains(error) { end() }
        }
        return try await outcome.value()
    }

    /// Sends a command whose answer nobody waits for.
    func post(_ command: ShimCommand) {
        try? socket.send(command.encode(id: 0), nonBlocking: true)
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
            defer { (state.hasEnded, state.token, state.pending) = (true, nil, [:]) }
            return (!state.hasEnded, state.token, Array(state.pending.values))
        }
        guard isFirst else { return }
        if let token { reactor.remove(token, socket.rawValue) }
        for outcome in pending { outcome.resolve(nil) }
        onEvent(nil, [])
    }
}
