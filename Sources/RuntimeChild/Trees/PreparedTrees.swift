internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The plan's mount trees, detached, in the order of the plan.
struct PreparedTrees {
    private(set) var trees: [SharedDescriptor] = []
    /// With a new user namespace mknod is not permitted: by index of the step, the host's node of the same path.
    private(set) var devices: [Int: SharedDescriptor] = [:]

    /// None yet: the child makes them.
    init() {}

    init(_ plan: LaunchPlan) throws(LaunchFailure) {
        trees.reserveCapacity(plan.trees.count)
        for (index, tree) in plan.trees.enumerated() {
            do throws(Errno) {
                trees.append(SharedDescriptor(try Self.prepare(tree, legacy: plan.forcesLegacyOverlay)))
            } catch { throw LaunchFailure(.prepareTree, index: UInt32(index), errno: error) }
        }
        try mapIDs(plan.idMappedTrees)
        guard plan.namespaces.changesUser else { return }
        for (index, step) in plan.steps.enumerated() {
            guard case .makeDevice(let path, let type, _, _, _, _, _) = step, type != .fifo else { continue }
            do throws(Errno) {
                devices[index] = SharedDescriptor(try OwnedDescriptor.cloneMount(path, recursive: false))
            } catch { throw LaunchFailure(.step, index: UInt32(index), errno: error) }
        }
    }

    private func mapIDs(_ maps: [IDMappedTree]) throws(LaunchFailure) {
        // Mounts of one container mostly share their mapping.
        var last: (map: IDMappedTree, namespace: SharedDescriptor)?
        for map in maps {
            do throws(Errno) {
                if last?.map.userMappings != map.userMappings || last?.map.groupMappings != map.groupMappings {
                    last = (map, SharedDescriptor(try UserNamespace.make(map.userMappings, map.groupMappings)))
                }
                guard let namespace = last?.namespace else { continue }
                try trees[Int(map.tree)].withDescriptor { mount throws(Errno) in
                    try mount.setIDMapping(namespace, recursive: map.recursive)
                }
            } catch { throw LaunchFailure(.prepareTree, index: map.tree, errno: error) }
        }
    }

    private static func prepare(_ tree: TreePlan, legacy: Bool) throws(Errno) -> OwnedDescriptor {
        switch tree {
        case .overlay(let lower, let upper, let work, let options, let attributes):
            let overlay = OverlayTree(lower: lower, upper: upper, work: work, options: options, attributes: attributes)
            return try legacy ? overlay.mountByPath() : overlay.mount()
        case .bind(let source, let recursive, let set, let clear, let attributesRecursive, let propagation, _):
            let mount = try OwnedDescriptor.cloneMount(source, recursive: recursive)
            let spreads = propagation & ck_MS_REC != 0
            let type = propagation & ~ck_MS_REC
            if spreads == attributesRecursive || set | clear == 0 || type == 0 {
                if set | clear | type != 0 {
                    try mount.setMountAttributes(
                        set: set, clear: clear, propagation: type, recursive: spreads || attributesRecursive)
                }
            } else {
                try mount.setMountAttributes(set: set, clear: clear, recursive: attributesRecursive)
                try mount.setMountAttributes(propagation: type, recursive: spreads)
            }
            return mount
        case .fileSystem(let type, let source, let options, let attributes):
            return try FileSystemContext.mount(type, source: source, options: options, attributes: attributes)
        }
    }
}

extension FileSystemContext {
    /// A detached mount of a new file system.
    static func mount(
        _ type: String, source: String, options: [MountOption], attributes: UInt64
    ) throws(Errno) -> OwnedDescriptor {
        let context = try FileSystemContext(type)
        if !source.isEmpty { try context.set("source", source) }
        for option in options { try context.set(option.key, option.value) }
        return try context.mount(attributes: attributes)
    }
}
