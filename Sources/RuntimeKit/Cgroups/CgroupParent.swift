internal import Glibc
internal import LinuxSystem
public import SystemPackage

/// The cgroup below which each container has its own.
public struct CgroupParent: Sendable, Hashable {
    /// Its path below the mount point of every hierarchy in use; absolute, without `.` and `..`.
    public let path: FilePath

    /// An explicit parent, `/containerkit`.
    /// - Throws: `RuntimeError.Code.invalidField` when the path is not absolute or holds `..`.
    public init(_ path: FilePath) throws(RuntimeError) {
        let checked = try CgroupPath.checked(path.string, field: "cgroup parent")
        guard path.isAbsolute else { throw .invalid("cgroup parent", "\(path) is not absolute") }
        self.path = FilePath(checked)
    }

    /// The root of each hierarchy, where an OCI runtime puts what has no absolute path.
    static let root = CgroupParent(unchecked: "/")

    private init(unchecked path: String) { self.path = FilePath(path) }

    /// The parent for this process: `/containerkit` as root. Else the subtree of version 2 that was delegated to the user:
    /// then this process moves into a leaf of it (`<own>/engine`), since a cgroup with processes cannot hand controllers down.
    /// - Throws: `RuntimeError.Code.notPermitted` when no subtree is delegated.
    public static func `default`(on host: CgroupHost) throws(RuntimeError) -> CgroupParent {
        if geteuid() == 0 { return CgroupParent(unchecked: "/containerkit") }
        return try delegated(on: host)
    }

    /// The delegated subtree. See: systemd.resource-control(5), `Delegate=`; cgroups(7), "Delegation".
    static func delegated(on host: CgroupHost) throws(RuntimeError) -> CgroupParent {
        let advice =
            "Run the program as root, or in a unit with Delegate=yes (`systemd-run --user --scope -p Delegate=yes …`), or name a cgroup parent."
        guard let unified = host.unified, host.mode == .unified else {
            throw RuntimeError(.notPermitted, .host, "cgroup version 1 cannot be delegated to a user", advice: advice)
        }
        var own = unified.ownPath
        // A second engine of the same process is in its leaf already.
        if own.hasSuffix("/engine") { own.removeLast("/engine".count) }
        let directory = unified.directory(own)
        guard access(directory + "/cgroup.subtree_control", W_OK) == 0, access(directory, W_OK) == 0 else {
            throw RuntimeError(.notPermitted, .path(FilePath(directory)), "this cgroup is not delegated to the user", advice: advice)
        }
        if own == unified.ownPath {
            do {
                try CgroupDirectory.make(directory + "/engine")
                try CgroupDirectory.write("0", to: directory + "/engine/cgroup.procs")
            } catch {
                throw RuntimeError(
                    .cgroupFailed, .path(FilePath(directory + "/engine")), "this process cannot move into a leaf", errno: error,
                    advice: advice)
            }
        }
        return CgroupParent(unchecked: own == "/" ? "/containerkit" : own + "/containerkit")
    }
}

/// Paths of cgroups, below the mount point.
enum CgroupPath {
    /// The path without doubled and trailing slashes.
    static func checked(_ path: String, field: String) throws(RuntimeError) -> String {
        if path.contains(":") {
            throw .unsupported(
                field, "\(path) has the form of the systemd cgroup driver",
                advice: "Give a path (`/parent/name`): cgroups are made directly, not through systemd.")
        }
        let parts = path.split(separator: "/")
        guard !parts.isEmpty else { throw .invalid(field, "\"\(path)\" names the root of the tree, where no container may be") }
        for part in parts {
            if part == "." || part == ".." { throw .invalid(field, "\(path) holds \(part)") }
            if part.utf8.count > 255 { throw .invalid(field, "a name in it is longer than 255 bytes") }
            if part.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) { throw .invalid(field, "it holds a control character") }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    /// Where a container's cgroup lies. See: runtime-spec config-linux.md, "Cgroups Path".
    static func leaf(_ cgroupsPath: String?, parent: CgroupParent, container: String) throws(RuntimeError) -> String {
        let base = parent.path.string == "/" ? "" : parent.path.string
        guard let cgroupsPath, !cgroupsPath.isEmpty else { return base + "/" + container }
        let path = try checked(cgroupsPath, field: "linux.cgroupsPath")
        return path.hasPrefix("/") ? path : base + "/" + path
    }
}
