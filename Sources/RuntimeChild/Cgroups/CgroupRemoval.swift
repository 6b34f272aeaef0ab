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
            // Frozen by a v1 freezer beside it, they would not die of it.
            try? CgroupFreezer.thaw(cgroups)
            return
        }
        try? CgroupFreezer.freeze(cgroups)
        for cgroup in cgroups {
            for pid in processes(in: cgroup.directory.rawValue) { ck_kill(pid, SIGKILL) }
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
                removeChildren(of: cgroup)
            }
            usleep(pause)
            pause = min(pause * 2, longestPause)
        }
        throw .resourceBusy
    }

    /// Cgroups that the container made inside its own, however deep and with however long names: by descriptors, no path
    /// and no recursion. One that is still busy ends the walk; the caller tries again.
    private static func removeChildren(of cgroup: ContainerCgroup) {
        guard var current = open(Self.here, in: cgroup.directory.rawValue) else { return }
        var names: [[CChar]] = []
        while true {
            if let name = firstChild(of: current) {
                guard let child = open(name, in: current.rawValue) else { return }
                names.append(name)
                current = child
                continue
            }
            guard let name = names.popLast() else { return }
            // v1 only: on v2 one write has killed all of them.
            if !cgroup.isUnified { for pid in processes(in: current.rawValue) { ck_kill(pid, SIGKILL) } }
            guard let parent = open(Self.above, in: current.rawValue) else { return }
            let result = unsafe ck_unlinkat(parent.rawValue, name, AT_REMOVEDIR)
            if result != 0 && result != -Int(ENOENT) { return }
            current = parent
        }
    }

    /// `.` and `..`. Names are bytes: those that a container chose need not be text.
    private static let here: [CChar] = [46, 0]
    private static let above: [CChar] = [46, 46, 0]

    private static func open(_ name: [CChar], in directory: CInt) -> SharedDescriptor? {
        let result = unsafe ck_openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0)
        return result < 0 ? nil : SharedDescriptor(OwnedDescriptor(CInt(result)))
    }

    private static func firstChild(of directory: SharedDescriptor) -> [CChar]? {
        // A description of its own: reading moves an offset.
        guard let entries = open(Self.here, in: directory.rawValue) else { return nil }
        var found: [CChar]?
        _ = try? entries.withDescriptor { entries throws(Errno) in
            try DirectoryEntries.forEach(in: entries) { (name, type) throws(Errno) in
                guard type == UInt8(DT_DIR) else { return }
                found = name.map { CChar(bitPattern: $0) } + [0]
                throw .canceled  // enough
            }
        }
        return found
    }

    /// The processes in a cgroup, in the caller's pid namespace; those outside it read as 0 and are left out.
    private static func processes(in directory: CInt) -> [CInt] {
        guard let bytes = try? ControlFile.read("cgroup.procs", in: directory) else { return [] }
        return bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let pid = CInt(String(decoding: line, as: UTF8.self)), pid > 1 else { return nil }
            return pid
        }
    }
}
