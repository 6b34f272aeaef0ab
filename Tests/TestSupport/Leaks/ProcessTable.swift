import Glibc
import SystemPackage

/// A process, named so that a pid used again is another one.
struct ProcessEntry: Hashable, CustomStringConvertible {
    var pid: pid_t
    var parent: pid_t
    var name: String
    var state: String
    var startTime: String
    var description: String { "\(pid) \(name) (\(state == "Z" ? "zombie, " : "")started \(startTime))" }
}

/// The processes that this test process can have made: its descendants, other processes of its executable (a spawner whose parent is
/// gone), their descendants, and what lives in a cgroup of ours.
struct ProcessTable {
    var ours: [ProcessEntry]
    /// Whether a container engine or a test program is at work that is none of ours.
    var hasOthersAtWork: Bool

    /// Beginnings of the names of programs that make and remove cgroups and keyrings. The last two are test programs like this one.
    private static let makers = [
        "ck-", "ckrun", "runc", "crun", "conmon", "containerd", "dockerd", "podman", "buildah", "systemd", "container-kitPa",
        "swiftpm-testing",
    ]

    static func read() -> ProcessTable {
        let all = (Files.names(in: "/proc") ?? []).compactMap { pid_t($0) }.compactMap(entry)
        let own = getpid()
        let executable = identity("/proc/self/exe")
        var found: Set<pid_t> = [own]
        // Parents first is not given, so until nothing is added.
        var grew = true
        for process in all where process.name.hasPrefix("ck-") && identity("/proc/\(process.pid)/exe") == executable {
            found.insert(process.pid)
        }
        while grew {
            let before = found.count
            for process in all where found.contains(process.parent) { found.insert(process.pid) }
            grew = found.count > before
        }
        let ours = all.filter { found.contains($0.pid) && $0.pid != own }
        var ancestors: Set<pid_t> = [own]
        var next = getppid()
        while next > 0, ancestors.insert(next).inserted { next = all.first { $0.pid == next }?.parent ?? 0 }
        return ProcessTable(
            ours: withoutSpares(ours),
            hasOthersAtWork: all.contains { process in
                !found.contains(process.pid) && !ancestors.contains(process.pid) && process.state != "Z"
                    && makers.contains { process.name.hasPrefix($0) }
            })
    }

    /// A living spawner keeps one shim ahead, another one after each container. A second one is a leak.
    private static func withoutSpares(_ processes: [ProcessEntry]) -> [ProcessEntry] {
        var spawners = Set(processes.filter { $0.name == "ck-spawner" && $0.state != "Z" }.map(\.pid))
        return processes.filter { process in
            // Until it has its name it goes by its parent's.
            let isSpare = process.name == "ck-spare" || process.name == "ck-spawner" && spawners.contains(process.parent)
            return !(isSpare && spawners.remove(process.parent) != nil)
        }
    }

    private static func identity(_ path: String) -> [UInt64]? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return [UInt64(status.st_dev), UInt64(status.st_ino)]
    }

    private static func entry(_ pid: pid_t) -> ProcessEntry? {
        guard let text = try? Files.text(FilePath("/proc/\(pid)/stat")), let open = text.firstIndex(of: "("),
            let close = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: close)...].split(separator: " ")
        guard fields.count > 19, let parent = pid_t(fields[1]) else { return nil }
        return ProcessEntry(
            pid: pid, parent: parent, name: String(text[text.index(after: open)..<close]), state: String(fields[0]),
            startTime: String(fields[19]))
    }
}
