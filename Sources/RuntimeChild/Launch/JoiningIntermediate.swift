internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The short-lived process that joins the user namespace of another for the first process of a container, so that the namespaces made
/// with that one belong to it. The caller itself could not come back. See: man 2 setns.
struct JoiningIntermediate {
    let plan: NamespacePlan
    let joined: [SharedDescriptor]
    let cgroups: [ContainerCgroup]
    let process: ChildProcess
    let body: ChildBody

    /// Runs it and waits for its end.
    /// - Returns: the first process, which is the caller's child.
    func run() throws(Errno) -> LaunchedProcess {
        let pid = try ProcessClone.bare(ck_CLONE_CLEAR_SIGHAND, exitSignal: SIGCHLD)
        if pid == 0 {
            do throws(Errno) { try work() } catch { process.page.fail(error) }
            ck_exit(0)
        }
        _ = try ReapedProcess.wait(for: .pid(pid), blocking: true)
        let born = process.page.pid
        guard born > 0 else { throw process.page.failure?.errno ?? .noChildProcess }
        return LaunchedProcess(pid: born, descriptor: SharedDescriptor(try OwnedDescriptor.process(born)), terminal: nil)
    }

    private func work() throws(Errno) {
        let page = process.page
        // First what takes the ids of the host.
        try process.applyScoreEarly()
        for (index, cgroup) in cgroups.enumerated() {
            page.enter(.enterCgroup, index)
            try ControlFile.write("0", to: cgroup.isUnified ? "cgroup.procs" : "tasks", in: cgroup.directory.rawValue)
        }
        // A namespace belongs to the caller's user namespace, or to the one that is joined.
        var late: [Int] = []
        for (index, namespace) in plan.joined.enumerated() where namespace.type != ck_CLONE_NEWUSER {
            page.enter(.joinNamespace, index)
            let result = ck_setns(joined[index].rawValue, CInt(namespace.type))
            if result == -Int(EPERM) { late.append(index) } else { try check(result) }
        }
        for (index, namespace) in plan.joined.enumerated() where namespace.type == ck_CLONE_NEWUSER {
            page.enter(.joinNamespace, index)
            try check(ck_setns(joined[index].rawValue, CInt(namespace.type)))
        }
        // The namespace's root, where it has one.
        ck_setresgid(0, 0, 0)
        ck_setresuid(0, 0, 0)
        ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        for index in late {
            page.enter(.joinNamespace, index)
            try check(ck_setns(joined[index].rawValue, CInt(plan.joined[index].type)))
        }
        page.enter(.clone)
        let pid = try ProcessClone.bare(plan.new & ~ck_CLONE_NEWTIME | ck_CLONE_PARENT, exitSignal: 0)
        if pid == 0 {
            body.hasJoined = true
            body.run()
        }
        page.pid = Int32(pid)
    }
}
