internal import CLinux
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// What is done with the answer to a request.
package typealias SpawnReply = @Sendable (Result<RoleProcess, SpawnError>) -> Void

/// A running spawner as the host sees it: one thread reads its events, any thread sends requests.
final class SpawnerConnection: Sendable {
    let hello: SpawnerHello
    let pid: CInt
    private let control: OwnedDescriptor
    /// Its pidfd: a host that reaps everything frees the number, and another child of its may have got it.
    private let process: OwnedDescriptor
    /// Wakes the thread: requests are queued, or the connection is to be closed. An eventfd.
    private let wakeup: OwnedDescriptor
    private let state = Mutex(State())

    private struct State {
        var nextID: UInt64 = 1
        var pending: [UInt64: SpawnReply] = [:]
        var running: [UInt64: RoleProcess] = [:]
        /// Requests that did not fit into the socket's buffer.
        var queue: [Outgoing] = []
        var end: SpawnError?
        var isClosing = false
    }

    private struct Outgoing {
        var id: UInt64
        var bytes: [UInt8]
        var descriptors: [SharedDescriptor]
    }

    init(_ process: consuming SpawnerProcess) throws(Errno) {
        hello = process.hello
        pid = process.pid
        self.process = try OwnedDescriptor.process(process.pid)
        control = process.takeControl()
        let descriptor = eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK))
        guard descriptor >= 0 else { throw .tooManyOpenFiles }
        wakeup = OwnedDescriptor(descriptor)
        try ServiceThread.start("ck-spawner-io") { self.serve() }
    }

    /// The spawner has ended or is ending.
    var hasEnded: Bool { state.withLock { $0.end != nil || $0.isClosing } }

    // MARK: requests

    /// Sends a request without waiting for the answer.
    /// - Parameter reply: called once: here when nothing can be sent, else on the connection's thread.
    func spawn(_ role: SpawnRole, _ request: [UInt8], _ descriptors: [SharedDescriptor], reply: @escaping SpawnReply) {
        var descriptors = descriptors
        var payload = request
        let isSealed = request.count > SpawnRequest.inlineLimit
        if isSealed {
            do throws(Errno) {
                descriptors.insert(SharedDescriptor(try SealedMemory.make(request, name: "ck-request")), at: 0)
            } catch { return reply(.failure(SpawnError(.forkFailed, errno: error, "cannot store the request in memory"))) }
            payload = []
        }
        let final = (payload, descriptors)
        let end = state.withLock { state -> SpawnError? in
            if let end = state.end { return end }
            let id = state.nextID
            state.nextID += 1
            state.pending[id] = reply
            let frame = SpawnRequest(id: id, role: role.rawValue, payload: final.0, payloadIsSealed: isSealed)
            send(Outgoing(id: id, bytes: frame.encode(), descriptors: final.1), &state)
            return nil
        }
        if let end { reply(.failure(end)) }
    }

    /// Sends now if the buffer has room and nothing waits before it; else the thread does.
    private func send(_ outgoing: Outgoing, _ state: inout State) {
        if state.queue.isEmpty, trySend(outgoing) { return }
        state.queue.append(outgoing)
        wake()
    }

    /// False when the buffer is full. Other failures mean the end, which the thread sees.
    private func trySend(_ outgoing: Outgoing) -> Bool {
        let result = unsafe ck_send(
            control.rawValue, outgoing.bytes, outgoing.bytes.count, outgoing.descriptors.map(\.rawValue),
            outgoing.descriptors.count, CInt(MSG_DONTWAIT))
        return result != -Int(EAGAIN) && result != -Int(ETOOMANYREFS)
    }

    private func wake() {
        var one: UInt64 = 1
        _ = unsafe ck_write(wakeup.rawValue, &one, 8)
    }

    /// Lets the spawner end: it exits when its control socket does. Shims that outlive the program go on.
    func close() {
        state.withLock { $0.isClosing = true }
        wake()
    }

    // MARK: the thread

    private func serve() {
        while true {
            let (isClosing, hasQueue) = state.withLock { ($0.isClosing, !$0.queue.isEmpty) }
            if isClosing { break }
            var polled: [pollfd] = [
                pollfd(fd: control.rawValue, events: Int16(POLLIN) | (hasQueue ? Int16(POLLOUT) : 0), revents: 0),
                pollfd(fd: wakeup.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            if unsafe poll(&polled, 2, -1) < 0 { continue }
            if polled[1].revents != 0 {
                var count: UInt64 = 0
                _ = unsafe ck_read(wakeup.rawValue, &count, 8)
            }
            if polled[0].revents & Int16(POLLOUT) != 0 { flush() }
            if polled[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, !receive() { break }
        }
        finish()
    }

    private func flush() {
        state.withLock { state in
            while let first = state.queue.first, trySend(first) { state.queue.removeFirst() }
        }
    }

    private func receive() -> Bool {
        do throws(Errno) {
            guard let message = try control.receive(nonBlocking: true) else { return false }
            guard let event = try? SpawnerEvent(decoding: message.bytes) else { return false }
            handle(event, message.takeDescriptors())
            return true
        } catch {
            return error == .resourceTemporarilyUnavailable
        }
    }

    private func handle(_ event: SpawnerEvent, _ descriptors: consuming DescriptorList) {
        switch event {
        case .hello: break
        case .spawned(let id, let pid):
            guard let descriptor = descriptors.take() else { return }
            let process = RoleProcess(pid: pid, descriptor: SharedDescriptor(descriptor))
            let waiting = state.withLock { state in
                state.running[id] = process
                return state.pending.removeValue(forKey: id)
            }
            waiting?(.success(process))
        case .failed(let id, let phase, let errno):
            let error = SpawnError(
                phase == .role ? .roleNotLinked : .forkFailed, errno: Errno(rawValue: errno), "\(phase)")
            state.withLock { $0.pending.removeValue(forKey: id) }?(.failure(error))
        case .exited(let id, let signaled, let value, let coreDumped):
            let process = state.withLock { $0.running.removeValue(forKey: id) }
            process?.end(.ended(signaled ? .signaled(value, coreDumped: coreDumped) : .exited(code: value)))
        }
    }

    /// Everybody who waits is told, and the spawner is reaped; a host that reaps everything may have been faster.
    private func finish() {
        _ = shutdown(control.rawValue, CInt(SHUT_RDWR))
        let error = SpawnError(state.withLock { $0.isClosing } ? .closed : .spawnerEnded, "its control socket was closed")
        let (pending, running) = state.withLock { state in
            state.end = error
            state.queue = []
            defer { (state.pending, state.running) = ([:], [:]) }
            return (Array(state.pending.values), Array(state.running.values))
        }
        for reply in pending { reply(.failure(error)) }
        for process in running { process.end(.lost) }
        _ = try? ReapedProcess.wait(for: .descriptor(process.rawValue), blocking: true)
    }
}
