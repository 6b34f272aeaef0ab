/// A detached mount tree, made by the shim before the clone. A descriptor of the host's mount namespace cannot be
/// mounted after CLONE_NEWNS (EINVAL), so whatever comes from the host is detached first and only moved in later.
package enum TreePlan: Sendable, Hashable {
    /// An overlay. `lower` is ordered from the topmost layer to the lowest. Without `upper` it is read-only.
    /// `attributes` are `MOUNT_ATTR_…`.
    case overlay(lower: [String], upper: String?, work: String?, options: [MountOption], attributes: UInt64)
    /// A copy of the mount at `source` (open_tree with OPEN_TREE_CLONE): a bind mount, or the root directory.
    /// `recursive` is rbind. Attributes are set and cleared by mount_setattr; `attributesRecursive` with AT_RECURSIVE.
    /// `propagation` is an `MS_…` flag or 0,
    /// with `MS_REC` for every mount of the tree. It is never 0 unless asked: a copy of a shared mount stays its peer. `field` names the configuration field for errors.
    case bind(
        source: String, recursive: Bool, set: UInt64, clear: UInt64, attributesRecursive: Bool, propagation: UInt64,
        field: String)
    /// A new file system that does not depend on the child's namespaces (tmpfs, devpts).
    case fileSystem(type: String, source: String, options: [MountOption], attributes: UInt64)
}

/// One fsconfig(2) parameter: a flag when `value` is nil.
package struct MountOption: Sendable, Hashable {
    package var key: String
    package var value: String?
    package init(_ key: String, _ value: String? = nil) {
        self.key = key
        self.value = value
    }
}
