internal import CLinux
internal import Glibc
package import SystemPackage

/// A program in a form that nobody can write to: a process of a container could reopen `/proc/<pid>/exe` for writing
/// (CVE-2019-5736).
package enum ReadOnlyProgram {
    /// The program at `path` through a detached read-only mount, or without CAP_SYS_ADMIN as a sealed copy in memory.
    package static func open(_ path: String) throws(Errno) -> OwnedDescriptor {
        do throws(Errno) { return try mount(of: path) } catch {
            guard error == .notPermitted || error == .invalidArgument || error == .noFunction || error == .permissionDenied
            else { throw error }
        }
        return try sealedCopy(of: path)
    }

    private static func mount(of path: String) throws(Errno) -> OwnedDescriptor {
        let tree = try OwnedDescriptor.cloneMount(path, recursive: false)
        try tree.setMountAttributes(set: UInt64(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID))
        return tree
    }

    private static func sealedCopy(of path: String) throws(Errno) -> OwnedDescriptor {
        let source = try OwnedDescriptor.open(path, flags: O_RDONLY)
        let copy = OwnedDescriptor(
            CInt(try check(ck_memfd_create("program", CUnsignedInt(MFD_CLOEXEC | MFD_ALLOW_SEALING)))))
        while true {
            // Not copy_file_range(2), which since Linux 5.19 does not go from one file system to another.
            let count = try retrying { ck_sendfile(copy.rawValue, source.rawValue, 1 << 30) }
            if count == 0 { break }
        }
        let seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE
        try check(ck_fcntl(copy.rawValue, F_ADD_SEALS, Int(seals)))
        return copy
    }

    /// Whether the calling process runs such a form already.
    package static var isOwn: Bool {
        var status = statfs()
        guard statfs("/proc/self/exe", &status) == 0 else { return false }
        // ST_RDONLY: of the mount as much as of the file system.
        if status.f_flags & 1 != 0 { return true }
        guard let own = try? OwnedDescriptor.open("/proc/self/exe", flags: O_RDONLY) else { return false }
        let seals = ck_fcntl(own.rawValue, F_GET_SEALS, 0)
        return seals >= 0 && CInt(seals) & F_SEAL_WRITE != 0
    }

    /// Executes the calling process's program anew in such a form, with the same arguments and environment; returns at once where it
    /// runs one already.
    /// - Throws: the errno of what it takes.
    package static func reexecute(_ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) throws(Errno) {
        if isOwn { return }
        let program = try open("/proc/self/exe")
        // A program of a detached mount has no path, so Swift would look for its crash reporter below the working directory.
        let setting = "SWIFT_BACKTRACE=enable=no,swift-backtrace=/"
        var environment: [UnsafeMutablePointer<CChar>?] = []
        var next = environ
        while let entry = next.pointee {
            if strncmp(entry, setting, 16) != 0 { environment.append(entry) }
            next += 1
        }
        let own = strdup(setting)
        defer { free(own) }
        environment += [own, nil]
        try check(ck_execveat(program.rawValue, "", arguments, environment, CInt(AT_EMPTY_PATH)))
    }

    /// Keeps others from reading this process's memory and descriptors. See: man 2 prctl, PR_SET_DUMPABLE.
    package static func hide() throws(Errno) { try check(ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)) }
}
