internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// A detached copy of the mount that `path` lies on, with `path` as its root: a bind mount that is nowhere yet.
    /// - Parameter recursive: with everything mounted below it.
    /// - Throws: the errno of open_tree(2).
    package static func cloneMount(_ path: String, recursive: Bool) throws(Errno) -> OwnedDescriptor {
        let flags = CUnsignedInt(OPEN_TREE_CLONE) | CUnsignedInt(O_CLOEXEC) | (recursive ? CUnsignedInt(AT_RECURSIVE) : 0)
        return OwnedDescriptor(CInt(try check(ck_open_tree(AT_FDCWD, path, flags))))
    }

    /// A detached copy of the mount that this descriptor's file lies on, with that file as its root.
    package borrowing func cloneMount(recursive: Bool) throws(Errno) -> OwnedDescriptor {
        let flags =
            CUnsignedInt(OPEN_TREE_CLONE) | CUnsignedInt(O_CLOEXEC) | CUnsignedInt(AT_EMPTY_PATH)
            | (recursive ? CUnsignedInt(AT_RECURSIVE) : 0)
        return OwnedDescriptor(CInt(try check(ck_open_tree(rawValue, "", flags))))
    }

    /// Puts this detached mount over the file or directory that `target` stands for.
    /// - Throws: `Errno.invalidArgument` when one is a directory and the other is not. See: man 2 move_mount.
    package borrowing func moveMount(onto target: borrowing OwnedDescriptor) throws(Errno) {
        try check(
            ck_move_mount(
                rawValue, "", target.rawValue, "",
                CUnsignedInt(MOVE_MOUNT_F_EMPTY_PATH) | CUnsignedInt(MOVE_MOUNT_T_EMPTY_PATH)))
    }

    /// Puts this detached mount over a path of the caller's own, which nobody else controls.
    package borrowing func moveMount(onto path: String) throws(Errno) {
        try check(ck_move_mount(rawValue, "", AT_FDCWD, path, CUnsignedInt(MOVE_MOUNT_F_EMPTY_PATH)))
    }

    /// Sets and clears attributes (`MOUNT_ATTR_…`) of the mount whose root this descriptor is, and its propagation
    /// (`MS_…`, or 0 to leave it). See: man 2 mount_setattr.
    package borrowing func setMountAttributes(
        set: UInt64 = 0, clear: UInt64 = 0, propagation: UInt64 = 0, recursive: Bool = false
    ) throws(Errno) {
        let flags = CUnsignedInt(AT_EMPTY_PATH) | (recursive ? CUnsignedInt(AT_RECURSIVE) : 0)
        try check(ck_mount_setattr(rawValue, "", flags, set, clear, propagation, 0))
    }

    /// Shows the ids of this mount as the maps of a user namespace say. The mount must not be attached anywhere yet.
    /// - Parameters:
    ///   - namespace: descriptor of a user namespace with maps, not the initial one.
    ///   - recursive: everything mounted below too.
    /// - Throws: `Errno.invalidArgument` where the file system cannot be id-mapped or is already. See: man 2 mount_setattr.
    package borrowing func setIDMapping(_ namespace: SharedDescriptor, recursive: Bool) throws(Errno) {
        let flags = CUnsignedInt(AT_EMPTY_PATH) | (recursive ? CUnsignedInt(AT_RECURSIVE) : 0)
        try check(ck_mount_setattr(rawValue, "", flags, UInt64(MOUNT_ATTR_IDMAP), 0, 0, UInt64(namespace.rawValue)))
    }
}
