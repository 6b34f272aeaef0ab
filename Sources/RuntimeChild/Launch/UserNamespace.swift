internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// User namespaces and their id maps. See: man 7 user_namespaces.
enum UserNamespace {
    /// A namespace without processes that has the maps: what an id-mapped mount takes its maps from.
    static func make(
        _ users: [NamespacePlan.IDMapping], _ groups: [NamespacePlan.IDMapping]
    ) throws(Errno) -> OwnedDescriptor {
        let (near, far) = try SetupSocket.pair()
        // The maps of a process that is not dumpable belong to root, whoever made it.
        ck_prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        defer { ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) }
        let pid = try ProcessClone.bare(ck_CLONE_NEWUSER, exitSignal: SIGCHLD)
        if pid == 0 {
            // Ends with its maker, who holds the only other end.
            ck_close_range(UInt32(near.rawValue), UInt32(near.rawValue), 0)
            var byte: UInt8 = 0
            unsafe ck_read(far.rawValue, &byte, 1)
            ck_exit(0)
        }
        defer {
            ck_kill(pid, SIGKILL)
            _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
        }
        let process = SharedDescriptor(try OwnedDescriptor.process(pid))
        let directory = try OwnedDescriptor.open("/proc/\(try process.hostPid())", flags: O_PATH | O_DIRECTORY)
        try write(users, groups, in: directory)
        return OwnedDescriptor(CInt(try check(unsafe ck_openat(directory.rawValue, "ns/user", O_RDONLY | O_CLOEXEC, 0))))
    }

    /// Writes the maps of a process that is the first in its user namespace.
    /// - Parameter process: its directory in /proc.
    static func write(
        _ users: [NamespacePlan.IDMapping], _ groups: [NamespacePlan.IDMapping], in process: borrowing OwnedDescriptor
    ) throws(Errno) {
        try ControlFile.write(lines(users), to: "uid_map", in: process.rawValue)
        try ControlFile.write(lines(groups), to: "gid_map", in: process.rawValue)
    }

    /// Writes the maps without rights over the host: the caller's own id itself, ranges of others by the host's helpers.
    /// - Parameters:
    ///   - pid: the process's number.
    ///   - process: its directory in /proc.
    static func write(_ plan: NamespacePlan, pid: CInt, in process: borrowing OwnedDescriptor) throws(Errno) {
        for (helper, mappings, own) in [
            (IDMapProgram.user, plan.userMappings, geteuid()), (.group, plan.groupMappings, getegid()),
        ] {
            if IDMapProgram.isNeeded(for: mappings, own: own) {
                try helper.write(mappings, pid: pid)
            } else {
                try ControlFile.write(lines(mappings), to: helper == .user ? "uid_map" : "gid_map", in: process.rawValue)
            }
        }
    }

    private static func lines(_ mappings: [NamespacePlan.IDMapping]) -> String {
        mappings.map { "\($0.container) \($0.host) \($0.size)\n" }.joined()
    }
}
