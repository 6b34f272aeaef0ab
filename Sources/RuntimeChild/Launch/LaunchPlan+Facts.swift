internal import CLinux

extension LaunchPlan {
    /// Index of the tree that becomes the root.
    var rootTree: Int? {
        for case .attachRoot(let tree) in steps { return Int(tree) }
        return nil
    }
}

extension NamespacePlan {
    /// Flags of the namespaces to join.
    var joinedTypes: UInt64 { joined.reduce(0) { $0 | $1.type } }

    /// Whether the container has a user namespace that is not the launcher's.
    package var changesUser: Bool { (new | joinedTypes) & ck_CLONE_NEWUSER != 0 }
    var joinsUser: Bool { joinedTypes & ck_CLONE_NEWUSER != 0 }

    /// Flags of all namespaces that are not the launcher's own.
    package var all: UInt64 { new | joinedTypes | (newCgroup ? ck_CLONE_NEWCGROUP : 0) }
}
