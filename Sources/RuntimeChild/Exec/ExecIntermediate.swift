internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The short-lived process that joins a container's namespaces and makes the process of an exec as its own sibling.
///
/// It works in the caller's memory where it can, since it never is in the container's pid namespace: nobody there can stop or trace it.
/// What it makes is in there, and has memory of its own.
final class ExecIntermediate {
    private let container: LaunchedContainer
    /// What it makes.
    private let process: ChildProcess
    /// The v2 directory the new process is born in.
    var unified: SharedDescriptor?

    init(container: LaunchedContainer, process: ChildProcess) {
        self.container = container
        var process = process
        process.hasScore = true
        self.process = process
    }

    /// Runs it and waits for its end.
    /// - Returns: what the clone into the cgroup said, when that was why there is no process.
    func run() throws(Errno) -> Errno? {
        let pid = try make()
        if pid == 0 { workAndEnd() }
        _ = try ReapedProcess.wait(for: .pid(pid), blocking: true)
        guard process.page.pid == 0, let failure = process.page.failure else { return nil }
        return failure.phase == .clone ? failure.errno : nil
    }

    /// - Returns: 0 in a child with memory of its own.
    private func make() throws(Errno) -> CInt {
        // Who shares memory may enter no time namespace; and one without privileges makes its memory readable for a moment.
        if container.namespaces & ck_CLONE_NEWTIME == 0, geteuid() == 0 {
            let result = unsafe ck_clone3_borrowing(
                ck_CLONE_CLEAR_SIGHAND, nil, SIGCHLD, 0,
                { context in
                    guard let context = unsafe context else { ck_exit(127) }
                    unsafe Unmanaged<ExecIntermediate>.fromOpaque(context).takeUnretainedValue().workAndEnd()
                }, Unmanaged.passUnretained(self).toOpaque())
            if result != -Int(ENOSYS) { return CInt(try check(result)) }
        }
        return try ProcessClone.bare(ck_CLONE_CLEAR_SIGHAND, exitSignal: SIGCHLD)
    }

    private func workAndEnd() -> Never {
        workOrFail()
        ck_exit(0)
    }

    /// A frame of its own: in the caller's memory nothing may stay retained, or a descriptor would stay open there for ever.
    @inline(never)
    private func workOrFail() {
        do throws(Errno) { try work() } catch { process.page.fail(error) }
    }

    private func work() throws(Errno) {
        let page = process.page
        // What takes the ids of the host.
        try process.applyScoreEarly()
        for (index, cgroup) in container.cgroups.enumerated() where !cgroup.isUnified {
            page.enter(.enterCgroup, index)
            try ControlFile.write("0", to: "tasks", in: cgroup.directory.rawValue)
        }
        page.enter(.joinNamespace)
        // From inside the cgroup namespace no process can be born in the container's cgroup by one that is outside of it: systemd mounts
        // version 2 with `nsdelegate`. So the new process joins that one itself.
        let types = container.namespaces & ~(ck_CLONE_INTO_CGROUP | ck_CLONE_NEWCGROUP)
        if types != 0 { try check(ck_setns(container.process.descriptor.rawValue, CInt(types))) }
        if types & ck_CLONE_NEWUSER != 0 {
            // The namespace's root, where it has one.
            ck_setresgid(0, 0, 0)
            ck_setresuid(0, 0, 0)
        }
        // Before the first process in the container's pid namespace: what lives there can read neither memory nor
        // descriptors of one that is not dumpable.
        try check(ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        // Nor with CAP_SYS_PTRACE: what the new process does not need is closed before it is visible there.
        var kept: [CInt] = [0, 1, 2, process.setup] + process.streams
        for descriptor in 0..<process.command.preservedDescriptors { kept.append(CInt(3 + descriptor)) }
        if let proc = process.hostProc { kept.append(proc.rawValue) }
        if let unified { kept.append(unified.rawValue) }
        if joinsCgroupNamespace { kept.append(container.process.descriptor.rawValue) }
        try DescriptorTable.closeAll(except: &kept)
        page.enter(.clone)
        let pid = try makeSibling()
        if pid == 0 { become() }
        page.pid = Int32(pid)
    }

    private var joinsCgroupNamespace: Bool { container.namespaces & ck_CLONE_NEWCGROUP != 0 }

    private func makeSibling() throws(Errno) -> CInt {
        guard let unified else { return try ProcessClone.bare(ck_CLONE_PARENT, exitSignal: 0) }
        let result = ck_clone3(ck_CLONE_PARENT | ck_CLONE_INTO_CGROUP, nil, 0, unified.rawValue)
        if result != -Int(ENOSYS) { return CInt(try check(result)) }
        // No birth in a cgroup with the older call: this process goes first, and its child with it.
        try ControlFile.write("0", to: "cgroup.procs", in: unified.rawValue)
        return try ProcessClone.bare(ck_CLONE_PARENT, exitSignal: 0)
    }

    /// The new process, a sibling of the intermediate.
    private func become() -> Never {
        var process = process
        let last: LastStep
        do throws(Errno) {
            if joinsCgroupNamespace {
                process.page.enter(.joinNamespace)
                try check(ck_setns(container.process.descriptor.rawValue, CInt(ck_CLONE_NEWCGROUP)))
            }
            let root = ContainerRoot(try .open("/", flags: O_PATH | O_DIRECTORY))
            try process.joinSessionKeyring()
            last = try process.prepare(root, isAtRoot: container.namespaces & ck_CLONE_NEWNS != 0)
        } catch {
            process.page.fail(error)
            ck_exit(127)
        }
        last.run()
    }
}
