internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// Serves the control socket: forks roles, reaps them, and ends with the host.
final class SpawnerLoop {
    private let control: OwnedDescriptor
    private let childSignal: OwnedDescriptor
    /// The spawner's own pid namespace, to return to after each unshare: a second unshare would be refused.
    /// Nil where pid namespaces cannot be made (no CAP_SYS_ADMIN).
    private let ownPidNamespace: SharedDescriptor?
    private var requests: [CInt: UInt64] = [:]
    /// The next shim, forked ahead.
    private var spare: SpareRole?
    /// Making one failed; not tried again before the next request.
    private var spareFailed = false
    /// How many spares are made at once: some more each time a request came and there was none.
    private var hurries = 0
    /// Milliseconds without a request before a spare is made. Made at once it would take time from the container that has just got the
    /// last one, as long as containers come one by one; where they come faster, waiting would leave them without.
    private var sparePause: CInt { hurries > 0 ? 0 : 3 }
    /// Signals since all children were looked at. One may stand for the ends of several.
    private var signals = 0
    /// Milliseconds without an event before all children are looked at, and after how many signals that waits no longer.
    private static let reapPause: CInt = 2
    private static let mostSignals = 64

    init(control: consuming OwnedDescriptor) throws(Errno) {
        self.control = control
        childSignal = try .blockedSignals([SIGCHLD])
        ownPidNamespace = Self.pidNamespaceToReturnTo()
    }

    private static func pidNamespaceToReturnTo() -> SharedDescriptor? {
        guard let own = try? OwnedDescriptor.open("/proc/self/ns/pid", flags: O_RDONLY),
            ck_setns(own.rawValue, CInt(ck_CLONE_NEWPID)) == 0
        else { return nil }
        return SharedDescriptor(own)
    }

    func run() throws(Errno) {
        try tell(.hello(hello()))
        ckPrepareRole(SpawnRole.shim.rawValue, 0)
        let makesSpares = ckHasRole(SpawnRole.shim.rawValue) != 0
        while true {
            var polled: [pollfd] = [
                pollfd(fd: control.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: childSignal.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            let wantsSpare = makesSpares && spare == nil && !spareFailed
            let count = unsafe poll(&polled, 2, wantsSpare ? sparePause : signals > 0 ? Self.reapPause : -1)
            if count < 0 { continue }
            if count == 0 { if wantsSpare { try makeSpare() } else { try reapAll() } }
            if polled[1].revents != 0 { try reap() }
            if polled[0].revents != 0 {
                guard let message = try control.receive() else { return endSpare() }
                if let work = try serve(message) { work.run() }
            }
        }
    }

    private func hello() -> SpawnerHello {
        let value: Any = SpawnPhase.decode
        return SpawnerHello(
            protocolVersion: UInt32(ckSpawnerProtocol), threads: Self.threadCount(),
            castWorks: value as? any CaseIterable != nil,
            roles: SpawnRole.allCases.reduce(0) { $0 | (ckHasRole($1.rawValue) != 0 ? 1 << UInt64($1.rawValue) : 0) },
            makesPidNamespaces: ownPidNamespace != nil, shimFrames: ckShimFrames())
    }

    /// From the link count of /proc/self/task, which is threads + 2. 0 when there is no /proc.
    private static func threadCount() -> UInt32 {
        var status = stat()
        guard unsafe stat("/proc/self/task", &status) == 0, status.st_nlink > 2 else { return 0 }
        return UInt32(status.st_nlink - 2)
    }

    // MARK: requests

    /// - Returns: in the fork what it has to do; nil in the spawner. (A frame of its own: the message is gone when the work begins.)
    @inline(never)
    private func serve(_ message: consuming ReceivedMessage) throws(Errno) -> RoleWork? {
        let request: SpawnRequest
        do { request = try SpawnRequest(decoding: message.bytes) } catch {
            try tell(.failed(id: 0, phase: .decode, errno: EBADMSG))
            return nil
        }
        guard ckHasRole(request.role) != 0 else {
            try tell(.failed(id: request.id, phase: .role, errno: ENOSYS))
            return nil
        }
        spareFailed = false
        let bytes = message.bytes
        let descriptors = message.takeDescriptors()
        if request.role == SpawnRole.shim.rawValue, !request.payloadIsSealed, let pid = giveToSpare(bytes, descriptors) {
            try announce(pid, request.id)
            return nil
        }
        if request.role == SpawnRole.shim.rawValue { hurries = 16 }
        let work: RoleWork
        do throws(Errno) { work = try RoleWork(request, descriptors) } catch {
            try tell(.failed(id: request.id, phase: .payload, errno: error.rawValue))
            return nil
        }
        let pid: CInt
        do throws(SpawnStepFailure) { pid = try fork(ownNamespace: request.role == SpawnRole.shim.rawValue) } catch {
            if error.isFatal { throw error.errno }
            try tell(.failed(id: request.id, phase: error.phase, errno: error.errno.rawValue))
            return nil
        }
        if pid == 0 {
            leaveSpawner()
            return work
        }
        try announce(pid, request.id)
        return nil
    }

    private struct SpawnStepFailure: Error {
        var phase: SpawnPhase
        var errno: Errno
        var isFatal = false
    }

    /// - Returns: 0 in the fork.
    private func fork(ownNamespace: Bool) throws(SpawnStepFailure) -> CInt {
        if ownNamespace, ownPidNamespace != nil {
            let result = ck_unshare(ck_CLONE_NEWPID)
            if result < 0 { throw SpawnStepFailure(phase: .unshare, errno: Errno(rawValue: CInt(-result))) }
        }
        let pid = ck_fork()
        if pid == 0 { return 0 }
        if ownNamespace, let ownPidNamespace {
            // Without the way back every later role would be born in that container's namespace: give up instead.
            let result = ck_setns(ownPidNamespace.rawValue, CInt(ck_CLONE_NEWPID))
            if result < 0 { throw SpawnStepFailure(phase: .unshare, errno: Errno(rawValue: CInt(-result)), isFatal: true) }
        }
        if pid < 0 { throw SpawnStepFailure(phase: .fork, errno: Errno(rawValue: CInt(-pid))) }
        return CInt(pid)
    }

    /// Tells of a fork that has its work.
    private func announce(_ pid: CInt, _ id: UInt64) throws(Errno) {
        requests[pid] = id
        let descriptor: OwnedDescriptor
        do throws(Errno) { descriptor = try OwnedDescriptor.process(pid) } catch {
            // Told as failed, it must not run.
            ck_kill(pid, SIGKILL)
            return try tell(.failed(id: id, phase: .pidfd, errno: error.rawValue))
        }
        try tell(.spawned(id: id, pid: Int32(pid)), descriptors: [descriptor.rawValue])
    }

    /// - Returns: the process that has the request now; nil when there is no spare, or it has ended.
    private func giveToSpare(_ request: [UInt8], _ descriptors: borrowing DescriptorList) -> CInt? {
        guard let spare = spare.take(), spare.takes(request, descriptors) else { return nil }
        return spare.pid
    }

    private func makeSpare() throws(Errno) {
        spareFailed = true
        hurries = max(0, hurries - 1)
        guard let pair = try? SocketPair(), let far = try? pair.far.duplicate(), let near = try? pair.near.duplicate() else { return }
        let pid: CInt
        do throws(SpawnStepFailure) { pid = try fork(ownNamespace: true) } catch {
            if error.isFatal { throw error.errno }
            return
        }
        if pid == 0 {
            leaveSpawner()
            close(pair.near.rawValue)
            close(near.rawValue)
            close(pair.far.rawValue)
            SpareRole.wait(far)
        }
        spare = SpareRole(pid: pid, socket: near)
        spareFailed = false
    }

    /// Before the spawner ends: what it leaves to the machine's init may lie there until that looks.
    private func endSpare() {
        guard let spare = spare.take() else { return }
        ck_kill(spare.pid, SIGKILL)
        _ = try? ReapedProcess.wait(for: .pid(spare.pid), blocking: true)
    }

    /// In the fork: nothing of the spawner or of a sibling stays open.
    private func leaveSpawner() {
        close(control.rawValue)
        close(childSignal.rawValue)
        if let ownPidNamespace { close(ownPidNamespace.rawValue) }
        spare?.closeInFork()
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe sigprocmask(SIG_SETMASK, &mask, nil)
    }

    // MARK: children

    /// Reaps those that signals name. To look for others the kernel goes through all children, of which there may be thousands.
    private func reap() throws(Errno) {
        var information = signalfd_siginfo()
        while unsafe ck_read(childSignal.rawValue, &information, MemoryLayout<signalfd_siginfo>.size) > 0 {
            signals += 1
            _ = try reap(.pid(CInt(bitPattern: information.ssi_pid)))
        }
        if signals >= Self.mostSignals { try reapAll() }
    }

    private func reapAll() throws(Errno) {
        signals = 0
        while try reap(.any) {}
    }

    /// - Returns: false when there was none.
    private func reap(_ target: ReapedProcess.Target) throws(Errno) -> Bool {
        guard let child = try? ReapedProcess.wait(for: target, blocking: false) else { return false }
        if spare?.pid == child.pid { spare = nil }
        guard let id = requests.removeValue(forKey: child.pid) else { return true }
        switch child.status {
        case .exited(let code): try tell(.exited(id: id, signaled: false, value: code, coreDumped: false))
        case .signaled(let signal, let dumped): try tell(.exited(id: id, signaled: true, value: signal, coreDumped: dumped))
        }
        return true
    }

    private func tell(_ event: SpawnerEvent, descriptors: [CInt] = []) throws(Errno) {
        try control.send(event.encode(), descriptors: descriptors)
    }
}
