/// A tree of the plan whose mounts show other ids than are stored. See: man 2 mount_setattr, "ID-mapped mounts".
package struct IDMappedTree: Sendable, Hashable {
    /// Index in the plan's trees.
    package var tree: UInt32
    /// Map everything mounted below it too.
    package var recursive: Bool
    /// `container` is the id that is stored, `host` the one that shows in the initial user namespace.
    package var userMappings: [NamespacePlan.IDMapping]
    package var groupMappings: [NamespacePlan.IDMapping]

    package init(
        tree: UInt32, recursive: Bool, userMappings: [NamespacePlan.IDMapping], groupMappings: [NamespacePlan.IDMapping]
    ) {
        self.tree = tree
        self.recursive = recursive
        self.userMappings = userMappings
        self.groupMappings = groupMappings
    }
}
