internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// What the host executes to get a spawner: its own program, in a form that nobody can write to.
///
/// A process of a container could reopen `/proc/<pid>/exe` for writing (CVE-2019-5736), so the program is executed
/// through a detached read-only mount, or without CAP_SYS_ADMIN from a sealed copy in memory.
enum SpawnerExecutable {
    static func open(_ configuration: SpawnerConfiguration) throws(SpawnError) -> OwnedDescriptor {
        let path = configuration.executable?.string ?? "/proc/self/exe"
        do throws(Errno) {
            let descriptor = try readOnlyMount(of: path)
            // Above the numbers that the file actions assign: a host may have 0 to 2 closed.
            return try descriptor.duplicate(from: 10)
        } catch {
            guard error == .notPermitted || error == .invalidArgument || error == .noFunction || error == .permissionDenied
            else { throw SpawnError(.hostCannotReexecute, errno: error, "cannot open \(path)") }
        }
        do throws(Errno) {
            return try sealedCopy(of: path).duplicate(from: 10)
        } catch {
            throw SpawnError(.hostCannotReexecute, errno: error, "cannot copy \(path) into memory")
        }
    }

    private static func readOnlyMount(of path: String) throws(Errno) -> OwnedDescriptor {
        let tree = OwnedDescriptor(CInt(try check(unsafe ck_open_tree(AT_FDCWD, path, openTreeClone))))
        try check(
            unsafe ck_mount_setattr(
                tree.rawValue, "", CUnsignedInt(AT_EMPTY_PATH), UInt64(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID), 0, 0, 0))
        return tree
    }

    private static let openTreeClone = CUnsignedInt(OPEN_TREE_CLONE) | CUnsignedInt(O_CLOEXEC)

    private static func sealedCopy(of path: String) throws(Errno) -> OwnedDescriptor {
        let source = try OwnedDescriptor.open(path, flags: O_RDONLY)
        let copy = OwnedDescriptor(
            CInt(try check(unsafe ck_memfd_create("container-spawner", CUnsignedInt(MFD_CLOEXEC | MFD_ALLOW_SEALING)))))
        while true {
            // Not copy_file_range(2), which since Linux 5.19 does not go from one file system to another.
            let count = try retrying { ck_sendfile(copy.rawValue, source.rawValue, 1 << 30) }
            if count == 0 { break }
        }
        let seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
        try check(ck_fcntl(copy.rawValue, F_ADD_SEALS, Int(seals)))
        return copy
    }
}
