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

    /// The parent for this process, in this order.
    ///
    /// The subtree of version 2 that systemd delegated to the unit of this process: then this process, and what else is in the unit's
    /// cgroup, moves into a leaf of it (`<own>/engine`), since a cgroup with processes cannot hand controllers down. As root otherwise
    /// `/containerkit`; as another user a subtree that may be written.
    /// - Throws: `RuntimeError.Code.notPermitted` when this is not root and no subtree is delegated.
    public static func `default`(on host: CgroupHost) throws(RuntimeError) -> CgroupParent {
        if geteuid() != 0 { return try delegated(on: host) }
        // Where others stay in the unit's cgroup, limits would be refused in it.
        if isDelegatedBySystemd(on: host), let unified = host.unified, let parent = try? delegated(on: host),
            moveOthers(from: unified.directory(own(in: unified)))
        {
            return parent
        }
        return CgroupParent(unchecked: "/containerkit")
    }

    /// The cgroup of this process; where an engine has moved it into its leaf, the one above.
    private static func own(in unified: CgroupHierarchy) -> String {
        let path = unified.ownPath
        return path.hasSuffix("/engine") ? String(path.dropLast("/engine".count)) : path
    }

    /// Whether systemd says that it leaves the subtree of this process's unit alone: it marks the directory.
    /// See: systemd's "Control Group APIs and Delegation".
    static func isDelegatedBySystemd(on host: CgroupHost) -> Bool {
        guard host.mode == .unified, let unified = host.unified else { return false }
        let directory = unified.directory(own(in: unified))
        return ["trusted.delegate", "user.delegate"].contains { ExtendedAttribute.value($0, of: directory) == Array("1".utf8) }
    }

    /// The delegated subtree. See: systemd.resource-control(5), `Delegate=`; cgroups(7), "Delegation".
    static func delegated(on host: CgroupHost) throws(RuntimeError) -> CgroupParent {
        let advice =
            "Run the program as root, or write `Delegate=yes` into the [Service] section of its unit "
            + "(by hand: `systemd-run --user --scope -p Delegate=yes …`), or name a cgroup parent."
        guard let unified = host.unified, host.mode == .unified else {
            throw RuntimeError(.notPermitted, .host, "cgroup version 1 cannot be delegated to a user", advice: advice)
        }
        let own = own(in: unified)
        let directory = unified.directory(own)
        guard access(directory + "/cgroup.subtree_control", W_OK) == 0, access(directory, W_OK) == 0 else {
            throw RuntimeError(.notPermitted, .path(FilePath(directory)), "this cgroup is not delegated to the user", advice: advice)
        }
        if own == unified.ownPath {
            do throws(Errno) {
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

    /// The rest of the unit: helpers that this process has started meanwhile, a shell around it.
    /// - Returns: whether none is left.
    private static func moveOthers(from directory: String) -> Bool {
        for _ in 0..<10 {
            guard let pids = HostFile.trimmed(directory + "/cgroup.procs") else { return false }
            if pids.isEmpty { return true }
            // One that ends meanwhile is no failure.
            for pid in pids.split(separator: "\n") { try? CgroupDirectory.write(String(pid), to: directory + "/engine/cgroup.procs") }
        }
        return false
    }
}

/// Paths of cgroups, below the mount point.
enum CgroupPath {
    /// The path without doubled and trailing slashes.
    static func checked(_ path: String, field: String) throws(RuntimeError) -> String {
        if path.contains(":") {
            throw .unsupported(
                field, "\(path) has the form of the systemd cgroup driver",
                advice: "Give a path (`/parent/name`), or call the runtime command with --systemd-cgroup.")
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
