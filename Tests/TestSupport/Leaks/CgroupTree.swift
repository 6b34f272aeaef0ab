import Glibc
import SystemPackage

/// The cgroups that the library can have made, in every mounted hierarchy.
enum CgroupTree {
    /// Every cgroup whose path holds this word counts; test parents carry it in their names.
    static let word = "containerkit"

    /// - Parameter isExclusive: counts what bears the names of others, too, and dying cgroups of v1's hierarchy of memory.
    static func read(mounts: [MountLine], isExclusive: Bool) -> Set<Leak> {
        var leaks: Set<Leak> = []
        for hierarchy in mounts where hierarchy.type == "cgroup" || hierarchy.type == "cgroup2" {
            let all = descendants(of: FilePath(hierarchy.target))
            let directories = isExclusive ? all : all.filter { !isOthers($0) }
            leaks.formUnion(directories.filter { $0.string.contains(word) }.map { Leak(.cgroup, $0.string) })
            // A removed cgroup that something still pins (a page, a descriptor, a dead process nobody reaped) stays as a dying one.
            if hierarchy.type == "cgroup2" {
                for directory in directories where directory.lastComponent?.string.contains(word) == true {
                    leaks.formUnion(counted(directory.string, dyingDescendants(of: directory)))
                }
            } else if isExclusive || !isMemory(hierarchy), let total = total(of: hierarchy) {
                // What pins a cgroup (a dead process, a cgroup namespace) does so in every hierarchy. That of memory keeps one for page
                // cache too, which was charged to who read a file first and stays as long as anybody uses the file.
                leaks.formUnion(counted(hierarchy.target, total - all.count - 1, isMachineWide: true))
            }
        }
        return leaks
    }

    /// True for `containerkit-<what>-<pid>…` of another test process, at work or killed, and for what benchmarks use.
    private static func isOthers(_ path: FilePath) -> Bool {
        path.components.contains { component in
            let parts = component.string.split(separator: "-")
            if parts.count > 1, parts[0] == word, ["bench", "floor"].contains(parts[1]) { return true }
            guard parts.count > 2, parts[0] == word, let pid = pid_t(parts[2]) else { return false }
            return pid != getpid()
        }
    }

    /// Whether there is a cgroup of another test process or a benchmark that is at work.
    static func hasOthersAtWork(mounts: [MountLine]) -> Bool {
        mounts.contains { hierarchy in
            guard hierarchy.type == "cgroup" || hierarchy.type == "cgroup2" else { return false }
            return (Files.names(in: FilePath(hierarchy.target)) ?? []).contains { name in
                guard isOthers(FilePath(name)) else { return false }
                let pid = name.split(separator: "-").dropFirst(2).first.flatMap { pid_t($0) }
                return pid.map { kill($0, 0) == 0 } ?? true
            }
        }
    }

    /// Gives back the pages that only removed cgroups were charged for: what they were the first to read of files that others still use
    /// stays charged to them, and is no leak of ours. Nothing that a leak keeps is freed by this.
    static func reclaim() {
        try? Files.write("3", to: "/proc/sys/vm/drop_caches")
        warmUp()
        for hierarchy in MountTable.read() where hierarchy.type == "cgroup" && isMemory(hierarchy) {
            for directory in [FilePath(hierarchy.target)] + descendants(of: FilePath(hierarchy.target)).filter({ $0.string.contains(word) })
            {
                try? Files.write("0", to: directory.appending("memory.force_empty"))
            }
        }
        for hierarchy in MountTable.read() where hierarchy.type == "cgroup2" {
            for directory in descendants(of: FilePath(hierarchy.target)) where directory.lastComponent?.string.contains(word) == true {
                if let file = try? FileDescriptor.open(directory.appending("memory.reclaim"), .writeOnly, options: .closeOnExec) {
                    _ = try? file.closeAfter { try file.writeAll("1G".utf8) }
                }
            }
        }
    }

    /// Reads what this process maps, so that no container's processes are the first to read a page of it and are charged for it.
    static func warmUp() {
        let lines = ((try? Files.text("/proc/self/maps")) ?? "").split(separator: "\n")
        for path in Set(lines.compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }) {
            guard let file = try? FileDescriptor.open(path, .readOnly, options: .closeOnExec) else { continue }
            _ = posix_fadvise(file.rawValue, 0, 0, Int32(POSIX_FADV_WILLNEED))
            try? file.close()
        }
    }

    /// One entry for each, so that two that stayed beside one that was there before are two leaks.
    private static func counted(_ place: String, _ count: Int, isMachineWide: Bool = false) -> [Leak] {
        count > 0 ? (1...count).map { Leak(.dyingCgroup, "\(place) #\($0)", isMachineWide: isMachineWide) } : []
    }

    private static func isMemory(_ hierarchy: MountLine) -> Bool { hierarchy.options.split(separator: ",").contains("memory") }

    private static func dyingDescendants(of directory: FilePath) -> Int {
        let text = (try? Files.text(directory.appending("cgroup.stat"))) ?? ""
        return text.split(separator: "\n").first { $0.hasPrefix("nr_dying_descendants ") }
            .flatMap { Int($0.split(separator: " ")[1]) } ?? 0
    }

    /// The kernel's own number of cgroups in a v1 hierarchy, dying ones included (`/proc/cgroups`).
    private static func total(of hierarchy: MountLine) -> Int? {
        let controllers = Set(hierarchy.options.split(separator: ",").map(String.init))
        let text = (try? Files.text("/proc/cgroups")) ?? ""
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "\t")
            if fields.count > 2, controllers.contains(String(fields[0])) { return Int(fields[2]) }
        }
        return nil
    }

    private static func descendants(of directory: FilePath) -> [FilePath] {
        (Files.names(in: directory) ?? []).flatMap { name -> [FilePath] in
            var status = stat()
            let path = directory.appending(name)
            guard lstat(path.string, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return [] }
            return [path] + descendants(of: path)
        }
    }
}
