/// One thing the child does. Paths lie inside the container and are resolved by openat2(RESOLVE_IN_ROOT |
/// RESOLVE_NO_MAGICLINKS) from the root descriptor.
package enum LaunchStep: Sendable, Hashable {
    /// Changes the propagation of every mount of the new namespace (`MS_SLAVE | MS_REC`); always the first step.
    case setPropagation(UInt64)
    /// Moves a tree over `/` of the new mount namespace; from then on it is the root that paths resolve in.
    case attachRoot(tree: UInt32)
    /// Moves a tree to `target`, which is made (directory or empty file, like the tree's root) when missing.
    case attach(tree: UInt32, target: String)
    /// Mounts a file system that belongs to the child's own namespaces: proc, sysfs, mqueue, cgroup, cgroup2.
    case mount(type: String, source: String, target: String, options: [MountOption], attributes: UInt64)
    /// Applies attributes to the mount at `target` once everything below it is in place (a read-only /dev or root).
    case setAttributes(target: String, set: UInt64, clear: UInt64, recursive: Bool)
    /// Sets the propagation of the mount at `target` (rootfsPropagation, and mounts that cannot be set as trees).
    case setTargetPropagation(target: String, flags: UInt64)
    case makeDirectory(path: String, mode: UInt32)
    /// A device node; where mknod is not permitted (user namespace) the host's node is bound instead.
    case makeDevice(path: String, type: DeviceType, major: UInt32, minor: UInt32, mode: UInt32, uid: UInt32, gid: UInt32)
    case symlink(target: String, path: String)
    /// Covers each path that exists: a file with /dev/null (checked to be 1:3), a directory with an empty read-only
    /// tmpfs (one, shared).
    case maskPaths([String])
    /// Binds each path that exists onto itself, read-only.
    case makeReadOnly([String])
    /// Binds the pty slave of the standard streams on /dev/console.
    case bindConsole
    /// pivot_root(".", ".") into the root tree, the old root detached, working directory `/`.
    case pivotRoot
    case setHostname(String)
    case setDomainname(String)
    /// Writes `value` to /proc/sys/`name` (dots or slashes), through a descriptor checked to be procfs.
    case setSysctl(name: String, value: String)
    /// Sets IFF_UP on `lo` of a new network namespace.
    case raiseLoopback
    /// Copies what is in the directory `target`, if there is one, into a tree that is attached there next (`tmpcopyup`);
    /// the whole of it, that is with its own owner, mode and time, into a volume of mode 0, which has none yet.
    case copyUp(tree: UInt32, target: String, isWhole: Bool)
}

package enum DeviceType: UInt8, Sendable {
    case character = 0
    case block = 1
    case fifo = 2
}
