internal import CLinux

/// Attributes of a mount, `MOUNT_ATTR_…` of mount_setattr(2) and fsmount(2).
package struct MountAttributes: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let readOnly = MountAttributes(rawValue: UInt64(MOUNT_ATTR_RDONLY))
    package static let noSetUID = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOSUID))
    package static let noDevices = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NODEV))
    package static let noExecute = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOEXEC))
    package static let noDirectoryAccessTime = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NODIRATIME))
    package static let noSymlinkFollow = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOSYMFOLLOW))
    /// The field of the access time setting: it has to be cleared when one of its values is set. Value 0 is relatime.
    package static let accessTimeField = MountAttributes(rawValue: UInt64(MOUNT_ATTR__ATIME))
    package static let noAccessTime = MountAttributes(rawValue: UInt64(MOUNT_ATTR_NOATIME))
    package static let strictAccessTime = MountAttributes(rawValue: UInt64(MOUNT_ATTR_STRICTATIME))
}

/// How mount events travel, `MS_…` of mount(2). See: man 7 mount_namespaces.
package struct MountPropagation: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let recursive = MountPropagation(rawValue: UInt64(MS_REC))
    package static let `private` = MountPropagation(rawValue: UInt64(MS_PRIVATE))
    package static let shared = MountPropagation(rawValue: UInt64(MS_SHARED))
    package static let slave = MountPropagation(rawValue: UInt64(MS_SLAVE))
    package static let unbindable = MountPropagation(rawValue: UInt64(MS_UNBINDABLE))
}
