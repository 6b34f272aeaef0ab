internal import CLinux
internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// Ends what is left in a container's cgroups and removes the directories.
package enum CgroupRemoval {
    /// How often a busy directory is tried again, and the pause between: a killed process leaves its cgroup only when the
    /// kernel has torn it down.
    private static let attempts = 200
    private static let firstPause: UInt32 = 200
    private static let longestPause: UInt32 = 20_000

    /// Kills every process in `cgroups`. On v2 by `cgroup.kill`; on v1 frozen first, so that nothing forks away, and
    /// thawed again, since a frozen process does not die.
    package static func killAll(_ cgroups: [ContainerCgroup]) {
        if let unified = cgroups.first(where: { $0.isUnified }),
            (try? ControlFile.write("1", to: "cgroup.kill", in: unified.directory.rawValue)) != nil
        {
            return
        }
        try? CgroupFreezer.freeze(cgroups)
        for cgroup in cgroups {
            for pid in processes(cgroup) { ck_kill(pid, SIGKILL) }
        }
        try? CgroupFreezer.thaw(cgroups)
    }

    /// Removes the directories, with what a container made below them; kills what is left in them first.
    /// - Throws: `Errno.resourceBusy` when processes are left after about four seconds.
    package static func remove(_ cgroups: [ContainerCgroup]) throws(Errno) {
        var failure: Errno?
        for cgroup in cgroups.reversed() {
            do throws(Errno) { try remove(cgroup, of: cgroups) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private static func remove(_ cgroup: ContainerCgroup, of all: [ContainerCgroup]) throws(Errno) {
        var pause = firstPause
        for attempt in 0..<attempts {
            let result = unsafe ck_unlinkat(AT_FDCWD, cgroup.path, AT_REMOVEDIR)
            if result == 0 || result == -Int(ENOENT) { return }
            if result != -Int(EBUSY) && result != -Int(ENOTEMPTY) { try check(result) }
            // The first refusal may be a process still on its way out; from the second on something lives in there.
            if attempt > 0 {
                killAll(all)
                removeChildren(of: cgroup.path)
            }
            usleep(pause)
            pause = min(pause * 2, longestPause)
        }
        throw .resourceBusy
    }

    /// Cgroups that the container made inside its own.
    private static func removeChildren(of path: String, depth: Int = 0) {
        guard depth < 32, let directory = unsafe opendir(path) else { return }
        defer { unsafe closedir(directory) }
        while let entry = unsafe readdir(directory) {
            guard unsafe entry.pointee.d_type == UInt8(DT_DIR) else { continue }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
                unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            let child = path + "/" + name
            removeChildren(of: child, depth: depth + 1)
            unsafe ck_unlinkat(AT_FDCWD, child, AT_REMOVEDIR)
        }
    }

    /// The processes in a cgroup, in the caller's pid namespace; those outside it read as 0 and are left out.
    private static func processes(_ cgroup: ContainerCgroup) -> [CInt] {
        guard let bytes = try? ControlFile.read("cgroup.procs", in: cgroup.directory.rawValue) else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let pid = CInt(String(decoding: line, as: UTF8.self)), pid > 1 else { return nil }
            return pid
        }
    }
}
