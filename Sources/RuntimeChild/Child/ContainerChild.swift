internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The child of a launch, between clone3 and execve: one thread, in a copy of the launcher's memory or in that itself.
///
/// It neither aborts nor raises nor touches threads: as pid 1 of a new namespace that would end in a fault. Whatever
/// fails is written into the shared page, and the process ends.
struct ContainerChild: ~Copyable {
    let plan: LaunchPlan
    /// Made by the launcher; by the child where that one has no right to.
    var prepared: PreparedTrees
    let cgroups: [ContainerCgroup]
    /// True when clone3 put the child into the v2 directory already.
    let isInUnified: Bool
    /// True when it was born in its cgroups, its user namespace and those of others.
    let hasJoined: Bool
    /// Opened by the launcher, as paths of the host.
    let joined: [SharedDescriptor]
    var ahead: LaunchPreparation
    var root: ContainerRoot
    var process: ChildProcess
    /// The empty file system over masked directories, once one is covered.
    var emptyDirectory: SharedDescriptor?

    /// Does everything but the last step.
    mutating func prepare() throws(Errno) -> LastStep {
        try enter()
        if plan.namespaces.isUnprivileged { try makeTrees() }
        if !plan.netDevices.isEmpty { try awaitNetDevices() }
        for index in plan.steps.indices {
            if plan.steps[index] == .pivotRoot && process.command.hasHooks { try runHooks() }
            process.page.enter(.step, index)
            try perform(plan.steps[index], index)
        }
        return try process.prepare(root, isAtRoot: plan.steps.contains(.pivotRoot))
    }

    /// Those of the launcher, then those that run here.
    private mutating func runHooks() throws(Errno) {
        process.page.enter(.runtimeHook)
        var byte = SetupMessage.hooks
        try check(unsafe ck_send(process.setup, &byte, 1, nil, 0, 0))
        var pid: CInt = 0
        let setup = process.setup
        if try retrying({ unsafe ck_read(setup, &pid, 4) }) != 4 { throw .connectionReset }
        process.launcherPid = pid
        try process.run(process.command.containerHooks, .containerHook)
    }

    /// Cgroups and namespaces.
    private mutating func enter() throws(Errno) {
        ck_umask(0)
        // First, while the ids are still the host's and may write there.
        for (index, cgroup) in cgroups.enumerated() where !hasJoined && !(cgroup.isUnified && isInUnified) {
            process.page.enter(.enterCgroup, index)
            // `tasks`, not `cgroup.procs`: moving a whole process waits for a grace period.
            try ControlFile.write(
                "0", to: cgroup.isUnified ? "cgroup.procs" : "tasks", in: cgroup.directory.rawValue)
        }
        if plan.namespaces.new & ck_CLONE_NEWUSER != 0 { try becomeRootOfUserNamespace() }
        for (index, namespace) in plan.namespaces.joined.enumerated() where !hasJoined && namespace.type != ck_CLONE_NEWPID {
            process.page.enter(.joinNamespace, index)
            try check(ck_setns(joined[index].rawValue, CInt(namespace.type)))
        }
        var unshared: UInt64 = 0
        if plan.namespaces.newCgroup {
            process.page.enter(.unshareCgroup)
            unshared |= ck_CLONE_NEWCGROUP
        }
        if let mounts = ahead.mounts {
            process.page.enter(.clone)
            try check(ck_setns(mounts.rawValue, CInt(ck_CLONE_NEWNS)))
            unshared |= ck_CLONE_NEWNS
        }
        if unshared != 0 { try check(ck_unshare(unshared)) }
        if plan.namespaces.new & ck_CLONE_NEWTIME != 0 {
            process.page.enter(.timeOffsets)
            try makeTimeNamespace()
        }
        try process.joinSessionKeyring()
    }

    /// Without rights over the host: made here, where the mount namespace is the container's own.
    private mutating func makeTrees() throws(Errno) {
        do throws(LaunchFailure) { prepared = try PreparedTrees(plan) } catch {
            process.page.enter(error.phase, Int(error.index))
            throw error.errno
        }
        guard let tree = plan.rootTree else { return }
        let copy = try prepared.trees[tree].withDescriptor { mount throws(Errno) in
            CInt(try check(ck_fcntl(mount.rawValue, F_DUPFD_CLOEXEC, 3)))
        }
        root = ContainerRoot(OwnedDescriptor(copy))
    }

    /// Until the launcher has moved them here.
    private func awaitNetDevices() throws(Errno) {
        process.page.enter(.netDevice)
        var byte = SetupMessage.netDevices
        try check(unsafe ck_send(process.setup, &byte, 1, nil, 0, 0))
        try process.awaitByte()
    }

    /// Waits until the launcher has written the id maps, and takes the namespace's root ids where it has them: what the
    /// steps make then belongs to somebody inside.
    private func becomeRootOfUserNamespace() throws(Errno) {
        process.page.enter(.writeIDMaps)
        try process.awaitByte()
        if plan.namespaces.groupMappings.contains(where: { $0.container == 0 }) { try check(ck_setresgid(0, 0, 0)) }
        if plan.namespaces.userMappings.contains(where: { $0.container == 0 }) { try check(ck_setresuid(0, 0, 0)) }
        ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    }

    /// Offsets can be set only while the namespace has no process; then this one moves in. See: man 7 time_namespaces.
    private func makeTimeNamespace() throws(Errno) {
        guard let proc = process.hostProc else { throw .noSuchFileOrDirectory }
        try check(ck_unshare(ck_CLONE_NEWTIME))
        var text = ""
        for (clock, offset) in [
            ("monotonic", plan.namespaces.monotonicOffset), ("boottime", plan.namespaces.boottimeOffset),
        ] {
            if let offset { text += "\(clock) \(offset.seconds) \(offset.nanoseconds)\n" }
        }
        if !text.isEmpty {
            // The files of one that is not dumpable belong to the host's root, which this is not any more in a user namespace.
            if plan.namespaces.changesUser { ck_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) }
            let file = Result { () throws(Errno) in try ControlFile.open("self/timens_offsets", for: O_WRONLY, in: proc.rawValue) }
            ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
            try file.get().write(text)
        }
        let namespace = OwnedDescriptor(
            CInt(
                try check(unsafe ck_openat(proc.rawValue, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC, 0))))
        try check(ck_setns(namespace.rawValue, CInt(ck_CLONE_NEWTIME)))
    }
}
