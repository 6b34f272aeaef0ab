internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension Launcher {
    /// Touches what a launch of such a plan uses, and makes nothing.
    package static func rehearse(_ plan: LaunchPlan) {
        guard let page = try? SharedPage(), let root = try? OwnedDescriptor.open("/", flags: O_PATH | O_DIRECTORY) else { return }
        var namespaces = plan.namespaces
        namespaces.joined.append(NamespacePlan.Joined(type: ck_CLONE_NEWNET, path: ""))
        _ = namespaces.joinedTypes
        page.enter(.step, 0)
        _ = plan.rootTree
        // The root stands for a directory that is there, and no file in it has an empty name.
        let write = CgroupPlan.Write(file: "", value: "", field: "", isOptional: true)
        let cgroups = try? PreparedCgroups(
            CgroupPlan(directories: [.init(path: "/", isUnified: false, writes: [write])]), adopts: true)
        _ = CgroupFacts.read(cgroups?.cgroups ?? [])
        try? CgroupRemoval.remove([])
        _ = plan.mayBorrowMemory
        _ = plan.mayBeginEmpty
        var paths = ContainerRoot(root)
        _ = try? paths.find("/dev/null")
        _ = try? paths.parent(of: "/dev/null")
        _ = try? SetupSocket.pair()
        _ = ContainerRoot.readLink("self", in: paths.rawValue)
        _ = ContainerChild.sysctlPath("kernel.domainname")
        _ = ResolveFlags.withinOneProc
        let process = ChildProcess(
            plan: plan.process, page: page, setup: -1, streams: [], parks: false, bindsToParent: false, hostProc: nil)
        let body = ChildBody(plan, PreparedTrees(), [], [], LaunchPreparation(), root: -1, process)
        body.clear()
        _ = ExecutableImage(plan.process)
        if let entries = try? OwnedDescriptor.open("/proc/self/ns", flags: O_RDONLY | O_DIRECTORY) {
            _ = try? TreeRemoval.entries(of: entries)
        }
    }
}
