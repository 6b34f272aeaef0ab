internal import CLinux
package import LinuxSystem

/// What a launcher has before it has a plan.
package struct LaunchPreparation: Sendable {
    /// For one container; nobody else has it.
    private var network: PreparedNetwork?
    /// See `EmptyMounts`; for any number of containers.
    var mounts: SharedDescriptor?
    /// Belongs to the network that was taken.
    var sysfs: SharedDescriptor?

    package init(network: PreparedNetwork? = nil, mounts: SharedDescriptor? = nil) {
        self.network = network
        self.mounts = mounts
    }

    /// Has a plan join one more namespace, the last of those it joins, instead of making a network namespace, where it wants one that belongs
    /// to the caller's user namespace.
    /// - Returns: the namespace to join; nil where there is none, or the plan wants none.
    mutating func takeNetwork(for plan: inout NamespacePlan) -> SharedDescriptor? {
        guard let network = network.take(), plan.new & ck_CLONE_NEWNET != 0, !plan.changesUser else { return nil }
        plan.new &= ~ck_CLONE_NEWNET
        plan.joined.append(NamespacePlan.Joined(type: ck_CLONE_NEWNET, path: ""))
        sysfs = network.sysfs
        return network.namespace
    }
}
