internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The launcher's side of a child between its birth and its execve.
struct LaunchSupervision {
    let process: LaunchedProcess
    let page: SharedPage
    let setup: SharedDescriptor
    /// See `CommandLaunch`.
    var runtimeHooks: (@Sendable (LaunchedProcess) -> Bool)?
    /// Who is told of the filter's notifications.
    var listener: SeccompListenerPlan?
    /// Interfaces that the child waits for.
    var netDevices: [NetDevicePlan] = []
    /// The pty master, once the child has sent one.
    private(set) var terminal: SharedDescriptor?

    init(process: LaunchedProcess, page: SharedPage, setup: SharedDescriptor) {
        self.process = process
        self.page = page
        self.setup = setup
    }

    /// Follows the child until execve, or until it is parked.
    /// - Parameter waits: whether to wait for it where it has got no further.
    /// - Returns: whether it is there.
    /// - Throws: why there is no program; the child is reaped then.
    @discardableResult
    mutating func proceed(parks: Bool, waits: Bool = true) throws(LaunchFailure) -> Bool {
        while true {
            var byte: UInt8 = 0
            var received: CInt = -1
            var count = 1
            let size = unsafe ck_receive(setup.rawValue, &byte, 1, &received, &count, waits ? 0 : CInt(MSG_DONTWAIT))
            if count == 1 { terminal = SharedDescriptor(OwnedDescriptor(received)) }
            if size > 0 {
                if byte == SetupMessage.parked && parks { return true }
                if byte == SetupMessage.hooks { try runHooks() }
                if byte == SetupMessage.listener { try handOverListener() }
                if byte == SetupMessage.netDevices { try moveNetDevices() }
                continue
            }
            if size == -Int(EAGAIN), !waits { return false }
            try conclude()
            return true
        }
    }

    /// The child stands before its change of root.
    private func runHooks() throws(LaunchFailure) {
        if let runtimeHooks, !runtimeHooks(process) {
            end()
            throw LaunchFailure(.runtimeHook, errno: .canceled)
        }
        var pid = process.pid
        unsafe ck_send(setup.rawValue, &pid, 4, nil, 0, 0)
    }

    /// Lets a child go on that waits.
    func release() {
        var byte = SetupMessage.proceed
        // A child that is gone shows at the end of the socket.
        unsafe ck_send(setup.rawValue, &byte, 1, nil, 0, 0)
    }

    /// Kills and reaps the child.
    func end() {
        ck_pidfd_send_signal(process.descriptor.rawValue, SIGKILL)
        _ = try? ReapedProcess.wait(for: .descriptor(process.descriptor.rawValue), blocking: true)
    }

    /// The socket has ended: execve or death.
    private func conclude() throws(LaunchFailure) {
        if let failure = page.failure {
            end()
            throw failure
        }
        if page.phase == .exec && !diedBeforeExec() { return page.unmap() }
        let last = page.phase
        ck_pidfd_send_signal(process.descriptor.rawValue, SIGKILL)
        let reaped = try? ReapedProcess.wait(for: .descriptor(process.descriptor.rawValue), blocking: true)
        guard case .signaled(let signal, _) = reaped?.status else {
            throw LaunchFailure(.died, index: last.rawValue, errno: .noChildProcess)
        }
        let isTrap = [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE].contains(signal)
        throw LaunchFailure(isTrap ? .crashed : .died, index: last.rawValue, errno: .noChildProcess, signal: signal)
    }

    /// A filter that denies execve kills without a word, and descriptors close before a process can be waited for. Asked
    /// only of one that has no memory any more and that a signal ended: the kernel remembers whether it ever executed a
    /// program.
    private func diedBeforeExec() -> Bool {
        if ck_probe_memory(process.pid) != -Int(ESRCH) { return false }
        var information = unsafe siginfo_t()
        let options = CInt(WEXITED | WNOWAIT)
        let waited = unsafe ck_waitid(ck_P_PIDFD, process.descriptor.rawValue, &information, options, nil)
        guard waited == 0, unsafe ck_siginfo_pid(&information) != 0,
            unsafe ck_siginfo_code(&information) != CInt(CLD_EXITED),
            let pid = try? process.descriptor.hostPid(), let stat = ProcessStat(pid)
        else { return false }
        return stat.flags & ck_PF_FORKNOEXEC != 0
    }

    /// Writes the maps of the child's user namespace, which waits for that; and its OOM score, which it may not lower itself there.
    func writeIDMaps(_ plan: LaunchPlan) throws(LaunchFailure) {
        var phase = LaunchPhase.writeIDMaps
        do throws(Errno) {
            let pid = try process.descriptor.hostPid()
            let directory = try OwnedDescriptor.open("/proc/\(pid)", flags: O_PATH | O_DIRECTORY)
            // Without CAP_SETGID the kernel takes a map of groups only from one that can drop none (man 7 user_namespaces).
            if plan.process.keepsGroups { try ControlFile.write("deny", to: "setgroups", in: directory.rawValue) }
            if plan.namespaces.isUnprivileged {
                try UserNamespace.write(plan.namespaces, pid: pid, in: directory)
            } else {
                try UserNamespace.write(plan.namespaces.userMappings, plan.namespaces.groupMappings, in: directory)
            }
            if let score = plan.process.oomScoreAdjust {
                phase = .oomScore
                try ControlFile.write(String(score), to: "oom_score_adj", in: directory.rawValue)
            }
        } catch {
            end()
            throw LaunchFailure(phase, errno: error)
        }
        release()
    }

    /// Moves interfaces of the host into the child's network namespace, where it waits for them.
    private func moveNetDevices() throws(LaunchFailure) {
        for (index, device) in netDevices.enumerated() {
            do throws(Errno) { try NetDeviceMove.run(device, to: process.descriptor) } catch {
                end()
                throw LaunchFailure(.netDevice, index: UInt32(index), errno: error)
            }
        }
        release()
    }
}
