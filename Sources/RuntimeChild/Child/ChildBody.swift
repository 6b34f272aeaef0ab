internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// What the child of a launch works with, and what it does: as a copy of the launcher, or in the launcher's own memory.
///
/// In the launcher's memory nothing may stay retained that the launcher later lets go, or a descriptor would stay open there for ever:
/// all that the child takes up is let go before its last step, which holds on to nothing that counts.
final class ChildBody {
    private struct Parts {
        var plan: LaunchPlan
        var prepared: PreparedTrees
        var cgroups: [ContainerCgroup]
        var joined: [SharedDescriptor]
        var ahead: LaunchPreparation
        var process: ChildProcess
    }

    private var parts: Parts?
    private var last: LastStep?
    private let root: CInt
    /// True when clone3 put the child into the v2 directory already.
    var isInUnified = false
    /// True when it was born in its cgroups, its user namespace and those of others.
    var hasJoined = false

    /// - Parameter root: where paths start, held open by the caller.
    init(
        _ plan: LaunchPlan, _ prepared: PreparedTrees, _ cgroups: [ContainerCgroup], _ joined: [SharedDescriptor],
        _ ahead: LaunchPreparation, root: CInt, _ process: ChildProcess
    ) {
        parts = Parts(plan: plan, prepared: prepared, cgroups: cgroups, joined: joined, ahead: ahead, process: process)
        self.root = root
    }

    /// The child: everything up to the container's program.
    func run() -> Never {
        prepare()
        guard let last else { ck_exit(127) }
        last.run()
    }

    /// The launcher, afterwards: the child may have left this object retained, so what it holds is let go by hand.
    func clear() {
        parts = nil
        last?.deallocate()
        last = nil
    }

    /// A frame of its own, which is gone at the last step.
    @inline(never)
    private func prepare() {
        guard let parts else { return }
        var container = ContainerChild(
            plan: parts.plan, prepared: parts.prepared, cgroups: parts.cgroups, isInUnified: isInUnified, hasJoined: hasJoined,
            joined: parts.joined, ahead: parts.ahead, root: ContainerRoot(OwnedDescriptor(root)), process: parts.process,
            emptyDirectory: nil)
        do throws(Errno) { last = try container.prepare() } catch { parts.process.page.fail(error) }
    }
}

extension LaunchPlan {
    /// Whether the child may work in the launcher's memory. It may not where it waits for the launcher; where it enters a time namespace,
    /// which nobody who shares memory may; where a filter stands before its last step; nor where its memory is so scarce that the kernel
    /// might kill it before, since it kills all who share memory.
    var mayBorrowMemory: Bool {
        guard flavour == .supervised, namespaces.new & (ck_CLONE_NEWUSER | ck_CLONE_NEWTIME) == 0 else { return false }
        if !process.noNewPrivileges, !process.seccompProgram.isEmpty { return false }
        if !netDevices.isEmpty { return false }
        // It waits until somebody listens.
        if process.listener != nil { return false }
        // An init of ours stays for the container's life.
        if process.reapsChildren { return false }
        // A copy into a tmpfs may take more memory than the container has.
        for step in steps { if case .copyUp = step { return false } }
        for directory in cgroup?.directories ?? [] {
            for write in directory.writes where write.file == "memory.max" || write.file == "memory.limit_in_bytes" {
                if let limit = UInt64(write.value), limit < 16 << 20 { return false }
            }
        }
        return true
    }
}
