internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension Launcher {
    /// Touches what a launch of such a plan uses, and makes nothing.
    package static func rehearse(_ plan: LaunchPlan) {
        var namespaces = plan.namespaces
        _ = PreparedNetwork.give(to: &namespaces)
        guard let page = try? SharedPage(), let root = try? OwnedDescriptor.open("/", flags: O_PATH | O_DIRECTORY) else { return }
        page.enter(.step, 0)
        _ = plan.rootTree
        _ = try? PreparedCgroups(CgroupPlan(directories: []))
        try? CgroupRemoval.remove([])
        _ = plan.mayBorrowMemory
        var paths = ContainerRoot(root)
        _ = try? paths.find("/dev/null")
        _ = try? paths.parent(of: "/dev/null")
        _ = try? SetupSocket.pair()
        _ = ContainerRoot.readLink("self", in: paths.rawValue)
    }
}
