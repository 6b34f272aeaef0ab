internal import CLinux
package import SystemPackage

/// A file system under construction: fsopen(2), fsconfig(2), fsmount(2).
package struct FileSystemContext: ~Copyable {
    /// Longest string fsconfig(2) takes, the terminating NUL not counted.
    package static let longestString = 255

    private let context: OwnedDescriptor

    /// - Throws: `Errno.noSuchDevice` for a type the kernel does not have, `Errno.noFunction` before Linux 5.2.
    package init(_ type: String) throws(Errno) {
        context = OwnedDescriptor(CInt(try check(ck_fsopen(type, CUnsignedInt(FSOPEN_CLOEXEC)))))
    }

    /// Sets a parameter; a flag when `value` is nil.
    package borrowing func set(_ key: String, _ value: String?) throws(Errno) {
        guard let value else {
            try check(ck_fsconfig(context.rawValue, FSCONFIG_SET_FLAG.rawValue, key, nil, 0))
            return
        }
        let descriptor = context.rawValue
        try check(value.withCString { ck_fsconfig(descriptor, FSCONFIG_SET_STRING.rawValue, key, $0, 0) })
    }

    /// Makes the super block and a detached mount of it.
    /// - Parameter attributes: `MOUNT_ATTR_…`.
    package borrowing func mount(attributes: UInt64) throws(Errno) -> OwnedDescriptor {
        try check(ck_fsconfig(context.rawValue, FSCONFIG_CMD_CREATE.rawValue, nil, nil, 0))
        return OwnedDescriptor(
            CInt(
                try check(
                    ck_fsmount(
                        context.rawValue, CUnsignedInt(FSMOUNT_CLOEXEC), CUnsignedInt(truncatingIfNeeded: attributes)))))
    }
}
