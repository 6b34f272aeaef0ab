internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

/// The parent of one container: holds its streams, reaps it, writes its exit record, and removes what it had.
///
/// One loop over poll(2), no thread. It never blocks on a peer.
final class Shim {
    var request: ShimRequest
    var peers: [ShimPeer] = []
    /// The host program: readable when it has ended.
    let host: OwnedDescriptor
    /// Of the container's directory: taken while the shim lives.
    let lock: OwnedDescriptor
    /// Descriptors of the request, for the streams; let go once the container is launched.
    var given: [SharedDescriptor] = []
    var directory: ShimDirectory?
    var listener: SharedDescriptor?
    var childSignal: SharedDescriptor?

    var parked: ParkedContainer?
    var container: LaunchedContainer?
    /// The first process and those of exec that have not ended, and the ended ones whose streams are still read.
    var processes: [UInt32: ShimProcess] = [:]
    /// What is about to become further ones.
    var execs: [ShimExec] = []
    var failedExecs: [FailedExec] = []
    var state = ShimState.created
    /// The fork that writes the log.
    var logger: CInt?
    var bounded: BoundedFile?
    var restart = ShimRestart()
    /// Process 1 of the container is ours.
    var hasInit = false
    /// Nothing has asked for much memory since it was last given back.
    private var isTrimmed = false
    /// The loop ends with this status.
    var exitStatus: CInt?

    /// Milliseconds without an event until memory is given back: longer than what lives only for a moment.
    private static let trimPause: CInt = 250

    init(
        _ request: ShimRequest, creator: consuming OwnedDescriptor, host: consuming OwnedDescriptor,
        lock: consuming OwnedDescriptor, streams: consuming DescriptorList
    ) {
        self.request = request
        self.host = host
        self.lock = lock
        peers = [ShimPeer(creator, isCreator: true)]
        var streams = streams
        while let descriptor = streams.take() { given.append(SharedDescriptor(descriptor)) }
    }

    func run() -> CInt {
        launch()
        while exitStatus == nil { turn() }
        return exitStatus ?? 0
    }

    /// Waits for the next thing to happen and handles it.
    private func turn() {
        var polled: [pollfd] = []
        func watch(_ descriptor: CInt, _ events: CInt) { polled.append(pollfd(fd: descriptor, events: Int16(events), revents: 0)) }
        watch(childSignal?.rawValue ?? -1, POLLIN)
        watch(request.isDurable ? -1 : host.rawValue, POLLIN)
        watch(listener?.rawValue ?? -1, POLLIN)
        let watched = peers
        for peer in watched { watch(peer.descriptor.rawValue, peer.hasQueue ? POLLIN | POLLOUT : POLLIN) }
        let starting = execs
        for exec in starting { watch(exec.starting.socket.rawValue, POLLIN) }

        var timeout: CInt = bounded?.keepBound() ?? -1
        for other in [state == .stopped ? 200 : -1, restart.timeout, failedExecTimeout, isTrimmed ? -1 : Self.trimPause] where other >= 0 {
            timeout = timeout < 0 ? other : min(timeout, other)
        }
        // A stopped container whose output nobody has read keeps its shim; whether it is drained shows by looking.
        let count = unsafe poll(&polled, nfds_t(polled.count), timeout)
        if count < 0 { return }
        if count > 0 {
            isTrimmed = false
        } else if !isTrimmed, timeout == Self.trimPause {
            ck_trim_memory()
            isTrimmed = true
        }
        for (index, exec) in starting.enumerated() where polled[3 + watched.count + index].revents != 0 { advance(exec) }
        for (index, peer) in watched.enumerated() {
            let events = CInt(polled[3 + index].revents)
            if events & POLLOUT != 0 { peer.flush() }
            if events & (POLLIN | POLLHUP | POLLERR) != 0 { receive(from: peer) }
        }
        if polled[0].revents != 0 { reap() }
        if !failedExecs.isEmpty { answerFailedExecs() }
        if polled[2].revents != 0 { accept() }
        let hostEnded = polled[1].revents != 0
        dropLostPeers(hostEnded: hostEnded)
        if state == .restarting, restart.timeout == 0 { relaunch() }
        if state == .stopped, exitStatus == nil { leaveWhenDrained() }
    }

    // MARK: peers

    private func accept() {
        guard let listener else { return }
        let result = ck_accept(listener.rawValue)
        guard result >= 0 else { return }
        let socket = OwnedDescriptor(CInt(result))
        // The directory is 0700 and the socket 0600 already; this holds if somebody loosened them.
        guard let peer = try? socket.peerCredentials(), peer.uid == geteuid() || peer.uid == 0 else { return }
        peers.append(ShimPeer(socket, isCreator: false))
    }

    private func receive(from peer: ShimPeer) {
        while exitStatus == nil {
            do throws(Errno) {
                guard let message = try peer.descriptor.receive(nonBlocking: true) else { return lose(peer) }
                guard let (id, command) = try? ShimCommand.decode(message.bytes) else { return lose(peer) }
                handle(command, id: id, from: peer, descriptors: message.takeDescriptors())
            } catch {
                // It went with something of ours unread, which the kernel says once; its last commands come after that.
                if error == .connectionReset { continue }
                if error != .resourceTemporarilyUnavailable { lose(peer) }
                return
            }
        }
    }

    private var lost: [ShimPeer] = []
    func lose(_ peer: ShimPeer) { lost.append(peer) }

    /// The end of the creator, by its connection or its process, whichever shows first, is the end of a throwaway
    /// container: the host may have children that keep the socket open, and an execve keeps the process.
    private func dropLostPeers(hostEnded: Bool) {
        lost += peers.filter(\.isLost)
        let creatorIsLost = hostEnded || lost.contains(where: \.isCreator)
        for peer in lost {
            peers.removeAll { $0 === peer }
            for process in processes.values where process.reader?.peer === peer { process.reader = nil }
        }
        lost = []
        if creatorIsLost, !request.isDurable {
            peers.removeAll(where: \.isCreator)
            request.removesItself = true
            end()
        }
    }

    func tellAll(_ event: ShimEvent) {
        for peer in peers { peer.send(event) }
    }
}
