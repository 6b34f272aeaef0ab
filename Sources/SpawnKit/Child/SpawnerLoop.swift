internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// Serves the control socket: forks roles, reaps them, and ends with the host.
struct SpawnerLoop: ~Copyable {
    private let control: OwnedDescriptor
    private let childSignal: OwnedDescriptor
    /// The spawner's own pid namespace, to return to after each unshare: a second unshare would be refused.
    /// Nil where pid namespaces cannot be made (no CAP_SYS_ADMIN).
    private let ownPidNamespace: SharedDescriptor?
    private var requests: [CInt: UInt64] = [:]

    init(control: consuming OwnedDescriptor) throws(Errno) {
        self.control = control
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe sigaddset(&mask, SIGCHLD)
        unsafe sigprocmask(SIG_BLOCK, &mask, nil)
        let descriptor = unsafe signalfd(-1, &mask, CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK))
        guard descriptor >= 0 else { throw .tooManyOpenFiles }
        childSignal = OwnedDescriptor(descriptor)
        ownPidNamespace = Self.pidNamespaceToReturnTo()
    }

    private static func pidNamespaceToReturnTo() -> SharedDescriptor? {
        guard let own = try? OwnedDescriptor.open("/proc/self/ns/pid", flags: O_RDONLY),
            ck_setns(own.rawValue, CInt(ck_CLONE_NEWPID)) == 0
        else { return nil }
        return SharedDescriptor(own)
    }

    mutating func run() throws(Errno) {
        try tell(.hello(hello()))
        while true {
            var polled: [pollfd] = [
                pollfd(fd: control.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: childSignal.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            if unsafe poll(&polled, 2, -1) < 0 { continue }
            if polled[1].revents != 0 { try reap() }
            if polled[0].revents != 0 {
                guard let message = try control.receive() else { return }
                try serve(message)
            }
        }
    }

    private func hello() -> SpawnerHello {
        let value: Any = SpawnPhase.decode
        return SpawnerHello(
            protocolVersion: UInt32(ckSpawnerProtocol), threads: Self.threadCount(),
            castWorks: value as? any CaseIterable != nil,
            roles: SpawnRole.allCases.reduce(0) { $0 | (ckHasRole($1.rawValue) != 0 ? 1 << UInt64($1.rawValue) : 0) },
            makesPidNamespaces: ownPidNamespace != nil)
    }

    /// From the link count of /proc/self/task, which is threads + 2. 0 when there is no /proc.
    private static func threadCount() -> UInt32 {
        var status = stat()
        guard unsafe stat("/proc/self/task", &status) == 0, status.st_nlink > 2 else { return 0 }
        return UInt32(status.st_nlink - 2)
    }

    // MARK: requests

    private mutating func serve(_ message: consuming ReceivedMessage) throws(Errno) {
        guard let request = try? SpawnRequest(decoding: message.bytes) else {
            return try tell(.failed(id: 0, phase: .decode, errno: EBADMSG))
        }
        guard ckHasRole(request.role) != 0 else {
            return try tell(.failed(id: request.id, phase: .role, errno: ENOSYS))
        }
        var descriptors = message.takeDescriptors()
        var payload = request.payload
        if request.payloadIsSealed {
            do throws(Errno) {
                guard let memory = descriptors.take() else { throw .badFileDescriptor }
                payload = try SealedMemory.read(memory, limit: SpawnRequest.sealedLimit)
            } catch {
                return try tell(.failed(id: request.id, phase: .payload, errno: error.rawValue))
            }
        }
        try fork(request, payload, descriptors)
    }

    private mutating func fork(
        _ request: SpawnRequest, _ payload: [UInt8], _ descriptors: consuming DescriptorList
    ) throws(Errno) {
        let wantsPidNamespace = request.role == SpawnRole.shim.rawValue
        if wantsPidNamespace, ownPidNamespace != nil {
            let result = ck_unshare(ck_CLONE_NEWPID)
            if result < 0 {
                return try tell(.failed(id: request.id, phase: .unshare, errno: CInt(-result)))
            }
        }
        let pid = ck_fork()
        if pid == 0 { runRole(request.role, payload, descriptors) }
        if wantsPidNamespace, let ownPidNamespace {
            // Without the way back every later role would be born in that container's namespace: give up instead.
            try check(ck_setns(ownPidNamespace.rawValue, CInt(ck_CLONE_NEWPID)))
        }
        guard pid > 0 else {
            return try tell(.failed(id: request.id, phase: .fork, errno: CInt(-pid)))
        }
        requests[CInt(pid)] = request.id
        let descriptor: OwnedDescriptor
        do throws(Errno) { descriptor = try OwnedDescriptor.process(CInt(pid)) } catch {
            // Told as failed, it must not run.
            ck_kill(CInt(pid), SIGKILL)
            return try tell(.failed(id: request.id, phase: .pidfd, errno: error.rawValue))
        }
        try tell(.spawned(id: request.id, pid: Int32(pid)), descriptors: [descriptor.rawValue])
    }

    /// In the fork: nothing of the spawner or of a sibling stays open.
    private func runRole(_ role: UInt32, _ payload: [UInt8], _ descriptors: consuming DescriptorList) -> Never {
        close(control.rawValue)
        close(childSignal.rawValue)
        if let ownPidNamespace { close(ownPidNamespace.rawValue) }
        var mask = sigset_t()
        unsafe sigemptyset(&mask)
        unsafe sigprocmask(SIG_SETMASK, &mask, nil)
        // The role owns them from here.
        let numbers = descriptors.release()
        let status = unsafe payload.withUnsafeBufferPointer { payload in
            unsafe ckRunRole(role, payload.baseAddress, payload.count, numbers, CInt(numbers.count))
        }
        _exit(status)
    }

    // MARK: children

    private mutating func reap() throws(Errno) {
        var drained = signalfd_siginfo()
        while unsafe ck_read(childSignal.rawValue, &drained, MemoryLayout<signalfd_siginfo>.size) > 0 {}
        while true {
            let child: ReapedProcess
            do throws(Errno) {
                guard let reaped = try ReapedProcess.wait(for: .any, blocking: false) else { return }
                child = reaped
            } catch { return }
            guard let id = requests.removeValue(forKey: child.pid) else { continue }
            switch child.status {
            case .exited(let code): try tell(.exited(id: id, signaled: false, value: code, coreDumped: false))
            case .signaled(let signal, let dumped):
                try tell(.exited(id: id, signaled: true, value: signal, coreDumped: dumped))
            }
        }
    }

    private func tell(_ event: SpawnerEvent, descriptors: [CInt] = []) throws(Errno) {
        try control.send(event.encode(), descriptors: descriptors)
    }
}
