internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The short-lived process that joins a container's namespaces and makes the process of an exec as its own sibling.
struct ExecIntermediate {
    let container: LaunchedContainer
    var process: ChildProcess
    /// The v2 directory the new process is born in.
    var unified: SharedDescriptor?

    init(container: LaunchedContainer, process: ChildProcess) {
        self.container = container
        self.process = process
    }

    /// Runs it and waits for its end.
    /// - Returns: what the clone into the cgroup said, when that was why there is no process.
    func run() throws(Errno) -> Errno? {
        let pid = CInt(try check(ck_clone3(ck_CLONE_CLEAR_SIGHAND, nil, SIGCHLD, 0)))
        if pid == 0 {
            do throws(Errno) { try work() } catch { process.page.fail(error) }
            ck_exit(0)
        }
        _ = try ReapedProcess.wait(for: .pid(pid), blocking: true)
        guard process.page.pid == 0, let failure = process.page.failure else { return nil }
        return failure.phase == .clone ? failure.errno : nil
    }

    private func work() throws(Errno) {
        let page = process.page
        for (index, cgroup) in container.cgroups.enumerated() where !cgroup.isUnified {
            page.enter(.enterCgroup, index)
            try ControlFile.write("0", to: "tasks", in: cgroup.directory.rawValue)
        }
        page.enter(.joinNamespace)
        let types = container.namespaces & ~ck_CLONE_INTO_CGROUP
        if types != 0 { try check(ck_setns(container.process.descriptor.rawValue, CInt(types))) }
        if types & ck_CLONE_NEWUSER != 0 {
            // The namespace's root, where it has one.
            ck_setresgid(0, 0, 0)
            ck_setresuid(0, 0, 0)
        }
        // Before the first process in the container's pid namespace: what lives there can read neither memory nor
        // descriptors of one that is not dumpable.
        try check(ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        page.enter(.clone)
        let flags = ck_CLONE_PARENT | (unified == nil ? 0 : ck_CLONE_INTO_CGROUP)
        let pid = try check(ck_clone3(flags, nil, 0, unified?.rawValue ?? 0))
        if pid == 0 { become() }
        page.pid = Int32(pid)
    }

    /// The new process, a sibling of the intermediate.
    private func become() -> Never {
        var process = process
        do throws(Errno) {
            let root = ContainerRoot(try .open("/", flags: O_PATH | O_DIRECTORY))
            process.page.enter(.sessionKeyring)
            let keyring = ck_keyctl_join_session(nil)
            if keyring != -Int(ENOSYS) { try check(keyring) }
            try process.become(root, isAtRoot: container.namespaces & ck_CLONE_NEWNS != 0)
        } catch {
            process.page.fail(error)
        }
        ck_exit(127)
    }
}
