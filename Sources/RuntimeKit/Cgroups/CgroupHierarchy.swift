/// One mounted cgroup hierarchy.
package struct CgroupHierarchy: Sendable, Hashable {
    /// Where it is mounted, without a slash at the end.
    package var mountPoint: String
    /// True for cgroup v2.
    package var isUnified: Bool
    /// Controllers that it carries; on v2 those that its root offers.
    package var controllers: [String]
    /// Name of a v1 hierarchy without controllers (`systemd`).
    package var name: String?
    /// The cgroup of this process in it, as a path below the mount point that begins with a slash.
    package var ownPath: String
    /// A v1 root that is not the hierarchy's: this process sees only a part of the tree.
    package var isPartial = false

    /// Mount options that mount this very hierarchy again. See: cgroups(7), "Mounting v1 controllers".
    var mountOptions: [String] { name.map { ["none", "name=\($0)"] } ?? controllers }

    /// Whether a directory is of a cgroup in it.
    func holds(_ path: String) -> Bool { path.hasPrefix(mountPoint + "/") }

    /// The directory of a cgroup.
    func directory(_ path: String) -> String { path == "/" ? mountPoint : mountPoint + path }
}
