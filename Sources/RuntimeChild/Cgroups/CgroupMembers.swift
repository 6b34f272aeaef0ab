internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// The processes of a container.
package enum CgroupMembers {
    /// Deeper cgroups are not looked at: a container may nest them as deep as it likes.
    private static let deepest = 16

    /// Pids in the caller's pid namespace, those in cgroups that the container made below its own included.
    package static func pids(_ cgroups: [ContainerCgroup]) -> [CInt] {
        // One hierarchy knows all of them, v2 where there is one.
        guard let cgroup = cgroups.first(where: { $0.isUnified }) ?? cgroups.first else { return [] }
        var pids: [CInt] = []
        collect(cgroup.directory, 0, &pids)
        return pids
    }

    private static func collect(_ directory: SharedDescriptor, _ depth: Int, _ pids: inout [CInt]) {
        if let bytes = try? ControlFile.read("cgroup.procs", in: directory.rawValue) {
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                if let pid = CInt(String(decoding: line, as: UTF8.self)), pid > 0 { pids.append(pid) }
            }
        }
        guard depth < deepest else { return }
        var names: [String] = []
        let opened = unsafe ck_openat(directory.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard opened >= 0 else { return }
        let entries = OwnedDescriptor(CInt(opened))
        try? DirectoryEntries.forEach(in: entries) { (name, type) throws(Errno) in
            if type == UInt8(DT_DIR) { names.append(String(decoding: name, as: UTF8.self)) }
        }
        for name in names {
            let child = unsafe ck_openat(directory.rawValue, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
            if child >= 0 { collect(SharedDescriptor(OwnedDescriptor(CInt(child))), depth + 1, &pids) }
        }
    }
}
