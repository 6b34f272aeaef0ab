internal import CLinux
package import LinuxSystem
internal import SystemPackage

/// A network namespace made ahead of the container that gets it: making one is the longest single step of a launch (about 0.4 ms).
package enum PreparedNetwork {
    /// Makes one with its loopback interface up, and returns to the caller's own. The calling process has one thread.
    /// - Returns: nil where none can be made; the launch then says why.
    package static func make() -> SharedDescriptor? {
        guard let own = try? OwnedDescriptor.open("/proc/self/ns/net", flags: O_RDONLY), ck_unshare(ck_CLONE_NEWNET) == 0 else {
            return nil
        }
        _ = ck_raise_loopback()
        let made = try? SharedDescriptor(.open("/proc/self/ns/net", flags: O_RDONLY))
        // Who cannot return must not go on as if it had.
        if ck_setns(own.rawValue, CInt(ck_CLONE_NEWNET)) != 0 { ck_exit(71) }
        return made
    }

    /// Has a plan join one more namespace, the last of those it joins, instead of making a network namespace, where it wants one that belongs
    /// to the caller's user namespace.
    /// - Returns: whether it does.
    static func give(to plan: inout NamespacePlan) -> Bool {
        guard plan.new & ck_CLONE_NEWNET != 0, plan.new & ck_CLONE_NEWUSER == 0, plan.joinedTypes & ck_CLONE_NEWUSER == 0 else {
            return false
        }
        plan.new &= ~ck_CLONE_NEWNET
        plan.joined.append(NamespacePlan.Joined(type: ck_CLONE_NEWNET, path: ""))
        return true
    }
}
