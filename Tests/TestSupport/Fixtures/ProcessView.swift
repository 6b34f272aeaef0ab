import Glibc
import SystemPackage

/// What the kernel says about a process, as seen from the host (proc(5)).
package struct ProcessView: Sendable {
    package let pid: Int32

    package init(_ pid: Int32) { self.pid = pid }

    /// A field of `/proc/<pid>/status`: `CapEff`, `NoNewPrivs`, `Seccomp`, `SigBlk`, `Groups`, …
    package func status(_ field: String) -> String? {
        for line in text("status").split(separator: "\n") where line.hasPrefix(field + ":") {
            return line.dropFirst(field.count + 1).split(whereSeparator: { " \t".contains($0) }).joined(separator: " ")
        }
        return nil
    }

    /// The identity of a namespace, as `net:[4026531840]`.
    package func namespace(_ kind: String) -> String? { Files.link(FilePath("/proc/\(pid)/ns/\(kind)")) }

    /// The mounts it sees.
    package var mounts: [MountLine] { MountTable.read(FilePath("/proc/\(pid)/mountinfo")) }

    /// What its descriptors refer to, by number.
    package var descriptors: [Int32: String] {
        var found: [Int32: String] = [:]
        for name in Files.names(in: FilePath("/proc/\(pid)/fd")) ?? [] {
            if let number = Int32(name), let target = Files.link(FilePath("/proc/\(pid)/fd/\(name)")) { found[number] = target }
        }
        return found
    }

    /// The letter of its state (`R`, `S`, `T`, `Z`, …), empty where the process is gone.
    package var state: String { stat.first ?? "" }

    /// Its parent's process id; nil where the process is gone.
    package var parent: Int32? { stat.dropFirst().first.flatMap { Int32($0) } }

    /// Whether it has ended and is the machine's init's to reap, whenever that gets to it; so too when it is gone.
    package var isOrphanedZombie: Bool {
        let stat = stat
        return stat.isEmpty || stat.starts(with: ["Z", "1"])
    }

    /// The fields of `/proc/<pid>/stat` after the name.
    private var stat: [String] { text("stat").split(separator: ")").last?.split(separator: " ").map(String.init) ?? [] }

    /// Its environment at execve.
    package var environment: [String] { text("environ").split(separator: "\0").map(String.init) }

    /// A file of `/proc/<pid>`, empty where the process is gone.
    package func text(_ name: String) -> String { (try? Files.text(FilePath("/proc/\(pid)/\(name)"))) ?? "" }
}
