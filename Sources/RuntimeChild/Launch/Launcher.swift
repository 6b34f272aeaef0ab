internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Makes the first process of a container: cgroups, mount trees, clone3, and the child that carries out the plan.
///
/// The calling process has one thread, is not dumpable, and ignores no signal but SIGPIPE. Its children are its own:
/// whoever calls waits for them.
package enum Launcher {
    /// Makes the container and starts its program.
    /// - Parameters:
    ///   - streams: the child's ends; nil with a terminal, or to hand on the caller's own 0 to 2.
    ///   - ahead: what was made before there was a plan; used as far as the plan allows.
    ///   - isAgain: whether the caller launched before. The child then gets memory of its own, since one that borrows the caller's leaves
    ///     some kilobytes behind in it.
    /// - Throws: a failure after which nothing is left: no process, no cgroup, no descriptor.
    package static func run(
        _ plan: LaunchPlan, streams: consuming StandardStreams?, ahead: LaunchPreparation = .init(), isAgain: Bool = false
    ) throws(LaunchFailure) -> LaunchedContainer {
        try launch(plan, streams, parks: false, ahead: ahead, borrowsMemory: !isAgain && plan.mayBorrowMemory).container
    }

    /// Makes the container and stops its first process before the filter and execve.
    /// - Parameters:
    ///   - streams: as for `run`.
    ///   - ahead: as for `run`.
    ///   - command: what only a runtime command wants.
    /// - Throws: as `run`; a program that is not there is reported here (`.executable`).
    package static func create(
        _ plan: LaunchPlan, streams: consuming StandardStreams?, ahead: LaunchPreparation = .init(),
        command: CommandLaunch? = nil
    ) throws(LaunchFailure) -> ParkedContainer {
        try launch(plan, streams, parks: true, command, ahead: ahead)
    }

    private static func launch(
        _ plan: LaunchPlan, _ streams: consuming StandardStreams?, parks: Bool, _ command: CommandLaunch? = nil,
        ahead: LaunchPreparation, borrowsMemory: Bool = false
    ) throws(LaunchFailure) -> ParkedContainer {
        var streams = streams
        var plan = plan
        var ahead = ahead
        var joined = try openNamespaces(plan.namespaces)
        if let network = ahead.takeNetwork(for: &plan.namespaces) { joined.append(network) }
        if !plan.mayBeginEmpty { ahead.mounts = nil }
        let page = try SharedPage()
        let cgroups = try PreparedCgroups(plan.cgroup, adopts: plan.flavour == .oci)
        do throws(LaunchFailure) {
            let prepared = plan.namespaces.isUnprivileged ? PreparedTrees() : try PreparedTrees(plan)
            let (process, setup) = try clone(
                plan, page, cgroups, prepared, joined, ahead, streams.numbers, parks, command, borrowsMemory)
            // From here on the child holds the only copies.
            closeStreams(&streams)
            let container = LaunchedContainer(
                process: process, cgroups: cgroups.cgroups, namespaces: plan.namespaces.all,
                root: prepared.trees.isEmpty ? nil : plan.rootTree.map { prepared.trees[$0] })
            var supervision = LaunchSupervision(process: process, page: page, setup: setup)
            supervision.runtimeHooks = command?.runtimeHooks
            supervision.listener = plan.process.listener
            supervision.netDevices = plan.netDevices
            if plan.namespaces.new & ck_CLONE_NEWUSER != 0 { try supervision.writeIDMaps(plan) }
            try supervision.proceed(parks: parks)
            return ParkedContainer(container, supervision, isParked: parks)
        } catch {
            cgroups.remove()
            throw error
        }
    }

    static func closeStreams(_ streams: inout StandardStreams?) { streams = nil }

    private static func clone(
        _ plan: LaunchPlan, _ page: SharedPage, _ cgroups: PreparedCgroups, _ prepared: PreparedTrees,
        _ joined: [SharedDescriptor], _ ahead: LaunchPreparation, _ streams: [CInt], _ parks: Bool, _ command: CommandLaunch?,
        _ borrowsMemory: Bool
    ) throws(LaunchFailure) -> (process: LaunchedProcess, setup: SharedDescriptor) {
        do throws(Errno) {
            let (near, far) = try SetupSocket.pair()
            let needsProc = ChildProcess.needsHostProc(plan.process) || plan.namespaces.new & ck_CLONE_NEWTIME != 0
            let proc = needsProc ? SharedDescriptor(try .open("/proc", flags: O_PATH | O_DIRECTORY)) : nil
            // With an attached root its tree is where paths start; else the caller's own root.
            let top: SharedDescriptor
            if let tree = plan.rootTree, !prepared.trees.isEmpty {
                top = prepared.trees[tree]
            } else {
                top = SharedDescriptor(try .open("/", flags: O_PATH | O_DIRECTORY))
            }
            // Without privileges a shim has no pid namespace of its own that would end its container with it.
            let isOwn = plan.namespaces.isUnprivileged || (plan.namespaces.new | plan.namespaces.joinedTypes) & ck_CLONE_NEWPID == 0
            var process = ChildProcess(
                plan: plan.process, page: page, setup: far.rawValue, streams: streams, parks: parks,
                bindsToParent: isOwn && plan.flavour == .supervised, hostProc: proc)
            if let command { process.command = command }
            process.hasScore = plan.namespaces.changesUser
            if plan.namespaces.joinsUser {
                let body = ChildBody(plan, prepared, cgroups.cgroups, joined, ahead, root: top.rawValue, process)
                defer { body.clear() }
                let intermediate = JoiningIntermediate(
                    plan: plan.namespaces, joined: joined, cgroups: cgroups.cgroups, process: process, body: body)
                return (try intermediate.run(), near)
            }
            let own = try joinPidNamespace(plan.namespaces, joined)
            // Time namespaces are made by the child, since offsets are set before anybody lives in one.
            let namespaces = plan.namespaces.new & ~(ck_CLONE_NEWTIME | (ahead.mounts == nil ? 0 : ck_CLONE_NEWNS))
            // The maps of a process that is not dumpable belong to root, whoever made it.
            let isMapped = namespaces & ck_CLONE_NEWUSER != 0
            if isMapped { ck_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) }
            let body = ChildBody(plan, prepared, cgroups.cgroups, joined, ahead, root: top.rawValue, process)
            let clone = ProcessClone(namespaces, into: cgroups.unified)
            let born = Result { () throws(Errno) in
                if borrowsMemory, let made = try clone.makeBorrowing(body) {
                    return ProcessClone.Outcome.parent(made)
                }
                return try clone.make()
            }
            if case .success(.child(let isInUnified)) = born {
                body.isInUnified = isInUnified
                body.run()
            }
            body.clear()
            if isMapped { ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) }
            if let own { ck_setns(own.rawValue, CInt(ck_CLONE_NEWPID)) }
            guard case .parent(let made) = try born.get() else { throw .noChildProcess }
            return (made, near)
        } catch {
            // An intermediate says where it failed.
            if let failure = page.failure { throw failure }
            throw LaunchFailure(.clone, errno: error)
        }
    }

    /// With a pid namespace of another: joins it for the children to come.
    /// - Returns: the caller's own, to return to.
    private static func joinPidNamespace(
        _ plan: NamespacePlan, _ joined: [SharedDescriptor]
    ) throws(Errno) -> SharedDescriptor? {
        guard let index = plan.joined.firstIndex(where: { $0.type == ck_CLONE_NEWPID }) else { return nil }
        let own = SharedDescriptor(try .open("/proc/self/ns/pid", flags: O_RDONLY))
        try check(ck_setns(joined[index].rawValue, CInt(ck_CLONE_NEWPID)))
        return own
    }

    private static func openNamespaces(_ plan: NamespacePlan) throws(LaunchFailure) -> [SharedDescriptor] {
        var opened: [SharedDescriptor] = []
        for (index, namespace) in plan.joined.enumerated() {
            do throws(Errno) {
                opened.append(SharedDescriptor(try .open(namespace.path, flags: O_RDONLY)))
            } catch { throw LaunchFailure(.joinNamespace, index: UInt32(index), errno: error) }
        }
        return opened
    }
}
