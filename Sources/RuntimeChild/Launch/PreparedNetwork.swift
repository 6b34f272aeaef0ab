internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// A network namespace made ahead of the container that gets it, and the sysfs that shows it.
///
/// Making the namespace is the longest single step of a launch (about 0.4 ms); making the sysfs takes the longer the more there are, since
/// the kernel looks at each (0.5 ms beside 1,000).
package struct PreparedNetwork: Sendable {
    let namespace: SharedDescriptor
    /// A file system that is there and not mounted; nil where none could be made.
    let sysfs: SharedDescriptor?

    /// What a mount of it is said to be of.
    static let sysfsSource = "sysfs"

    /// Makes one with its loopback interface up, and returns to the caller's own. The calling process has one thread.
    /// - Returns: nil where none can be made; the launch then says why.
    package static func make() -> PreparedNetwork? {
        guard let own = try? OwnedDescriptor.open("/proc/self/ns/net", flags: O_RDONLY), ck_unshare(ck_CLONE_NEWNET) == 0 else {
            return nil
        }
        _ = ck_raise_loopback()
        let namespace = try? SharedDescriptor(.open("/proc/self/ns/net", flags: O_RDONLY))
        let sysfs = try? makeSysfs()
        // Who cannot return must not go on as if it had.
        if ck_setns(own.rawValue, CInt(ck_CLONE_NEWNET)) != 0 { ck_exit(71) }
        return namespace.map { PreparedNetwork(namespace: $0, sysfs: sysfs) }
    }

    private static func makeSysfs() throws(Errno) -> SharedDescriptor {
        let context = try FileSystemContext("sysfs")
        try context.set("source", sysfsSource)
        return SharedDescriptor(try context.created())
    }
}
