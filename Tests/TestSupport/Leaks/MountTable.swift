import Glibc
package import SystemPackage

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
package struct MountLine: Hashable, Sendable, CustomStringConvertible {
    package var identifier: String
    package var root: String
    package var target: String
    package var type: String
    package var source: String
    package var options: String
    package var description: String { "\(target) (\(type) \(root) of \(source), id \(identifier))" }
}

package enum MountTable {
    /// The mounts of this process's namespace.
    package static func read(_ path: FilePath = "/proc/self/mountinfo") -> [MountLine] {
        let text = (try? Files.text(path)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 9, let dash = fields.firstIndex(of: "-"), dash + 2 < fields.count else { return nil }
            return MountLine(
                identifier: fields[0], root: fields[3], target: fields[4], type: fields[dash + 1], source: fields[dash + 2],
                options: dash + 3 < fields.count ? fields[dash + 3] : "")
        }
    }
}
