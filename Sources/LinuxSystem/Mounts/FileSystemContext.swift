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
        try make()
        return try Self.mount(context.rawValue, attributes)
    }

    /// Makes the super block, in the namespaces of the caller.
    /// - Returns: the context, to be mounted once, by whoever has the right to in a namespace of its own.
    package consuming func created() throws(Errno) -> OwnedDescriptor {
        try make()
        return context
    }

    /// A detached mount of a super block that was made before.
    /// - Parameter context: of `created()`.
    package static func mount(created context: SharedDescriptor, attributes: UInt64) throws(Errno) -> OwnedDescriptor {
        try mount(context.rawValue, attributes)
    }

    private borrowing func make() throws(Errno) {
        try check(ck_fsconfig(context.rawValue, FSCONFIG_CMD_CREATE.rawValue, nil, nil, 0))
    }

    private static func mount(_ context: CInt, _ attributes: UInt64) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(
            CInt(try check(ck_fsmount(context, CUnsignedInt(FSMOUNT_CLOEXEC), CUnsignedInt(truncatingIfNeeded: attributes)))))
    }
}
