internal import CLinux
package import SystemPackage

/// A kind of namespace, as `CLONE_NEW…` of clone(2) and setns(2).
package struct NamespaceFlag: RawRepresentable, Sendable, Hashable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let mount = NamespaceFlag(rawValue: ck_CLONE_NEWNS)
    package static let pid = NamespaceFlag(rawValue: ck_CLONE_NEWPID)
    package static let network = NamespaceFlag(rawValue: ck_CLONE_NEWNET)
    package static let ipc = NamespaceFlag(rawValue: ck_CLONE_NEWIPC)
    package static let uts = NamespaceFlag(rawValue: ck_CLONE_NEWUTS)
    package static let user = NamespaceFlag(rawValue: ck_CLONE_NEWUSER)
    package static let cgroup = NamespaceFlag(rawValue: ck_CLONE_NEWCGROUP)
    package static let time = NamespaceFlag(rawValue: ck_CLONE_NEWTIME)

    /// The kind of the namespace that a descriptor of `/proc/<pid>/ns/…` stands for. See: man 2 ioctl_ns (NS_GET_NSTYPE).
    /// - Throws: `Errno.inappropriateIOCTLForDevice` when it is no namespace.
    package static func kind(of descriptor: borrowing OwnedDescriptor) throws(Errno) -> NamespaceFlag {
        let getType: CUnsignedLong = 0xb703
        return NamespaceFlag(rawValue: UInt64(try check(ck_ioctl(descriptor.rawValue, getType, 0))))
    }
}
