internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild

/// Mounts of a configuration: detached trees, and the steps that put them in place, in the order of the specification.
struct MountCompiler {
    let configuration: RuntimeConfiguration
    let namespaces: NamespacePlan
    let cgroup: CgroupPlan?
    let cgroups: CgroupHost
    var trees: [TreePlan]
    /// Destinations of binds that are filled with what is there.
    var volumes: Set<String> = []
    /// Which of the trees are id-mapped.
    var idMaps: [IDMappedTree] = []
    var steps: [LaunchStep] = []
    /// Mounts that become read-only when everything below them is in place.
    var finalSteps: [LaunchStep] = []

    /// File systems that show the namespaces of the process that mounts them.
    private static let ownedByNamespaces: Set<String> = ["proc", "sysfs", "mqueue"]

    mutating func compile() throws(RuntimeError) {
        let mounts = configuration.mounts ?? []
        var destinations: [String] = []
        for (index, mount) in mounts.enumerated() {
            try destinations.append(Self.destination(mount, index))
        }
        for (index, mount) in mounts.enumerated() {
            try compile(mount, at: destinations[index], before: destinations[(index + 1)...], field: "mounts[\(index)]")
        }
    }

    private mutating func compile(
        _ mount: RuntimeConfiguration.MountEntry, at destination: String, before later: ArraySlice<String>, field: String
    ) throws(RuntimeError) {
        var options = try MountOptions(mount.options ?? [], field: field + ".options")
        if mount.type == "bind", options.bind == nil { options.bind = false }
        if options.remounts { return try remount(options, at: destination, field: field) }
        if options.copiesUp, mount.type != "tmpfs" || options.bind != nil {
            throw .invalid(field + ".options", "`tmpcopyup` is an option of tmpfs")
        }
        if options.bind != nil { return try bind(mount, options, at: destination, field: field) }
        guard let type = mount.type, !type.isEmpty, type != "none" else { throw .invalid(field + ".type", "is missing") }
        if options.idMap != nil || !(mount.uidMappings ?? []).isEmpty || !(mount.gidMappings ?? []).isEmpty {
            throw .unsupported(
                options.idMap != nil ? field + ".options" : field + ".uidMappings",
                "only what is bound is id-mapped: a new file system has no ids yet", advice: "Use it with `bind` or `rbind`.")
        }
        for text in [type, mount.source ?? ""] where text.utf8.contains(0) { throw .invalid(field, "holds a NUL") }
        if !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty {
            // There is nothing below a new file system.
            options.set.formUnion(options.recursiveSet)
        }
        if type == "cgroup" || type == "cgroup2" {
            try cgroupMount(options, at: destination, field: field)
        } else {
            var attributes = options.set
            // On a read-only file system no mount point could be made any more.
            let holdsOthers = later.contains { ContainerPath.isBelow($0, destination) } || destination == "/dev"
            if holdsOthers, attributes.contains(.readOnly) {
                attributes.remove(.readOnly)
                finalSteps.append(readOnly(destination))
            }
            let source = mount.source.flatMap { $0.isEmpty ? nil : $0 } ?? type
            if !mountLabel.isEmpty, !["proc", "sysfs"].contains(type) { options.data.append(MountOption("context", mountLabel)) }
            try ids(options, field: field)
            if options.copiesUp, namespaces.changesUser {
                throw .unsupported(field + ".options", "`tmpcopyup` does not work with a user namespace")
            }
            if Self.ownedByNamespaces.contains(type) || namespaces.changesUser {
                // In a user namespace every file system is mounted by its own root.
                steps.append(
                    .mount(type: type, source: source, target: destination, options: options.data, attributes: attributes.rawValue))
            } else {
                if options.copiesUp { steps.append(.copyUp(tree: UInt32(trees.count), target: destination, isWhole: false)) }
                attach(.fileSystem(type: type, source: source, options: options.data, attributes: attributes.rawValue), at: destination)
            }
        }
        if let propagation = options.propagation {
            steps.append(.setTargetPropagation(target: destination, flags: propagation.rawValue))
        }
    }

    private mutating func bind(
        _ mount: RuntimeConfiguration.MountEntry, _ options: MountOptions, at destination: String, field: String
    ) throws(RuntimeError) {
        guard let source = mount.source, source.hasPrefix("/"), !source.utf8.contains(0) else {
            throw .invalid(field + ".source", "\"\(mount.source ?? "")\" is not an absolute path on the host")
        }
        if let option = options.data.first(where: { !Self.ignoredByBinds.contains($0.key) || $0.value != nil }) {
            throw .invalid(field + ".options", "`\(option.key)` is an option of a file system, which a bind mount does not make")
        }
        let isRecursive = options.bind == true
        // A copy of a shared mount would stay its peer, and mounts in the container appear on the host.
        let standard: MountPropagation = [.slave, .recursive]
        let asked = options.propagation ?? standard
        let isWhole = asked.contains(.recursive) || asked == .shared || !isRecursive
        let hasOwn = !options.set.isEmpty || !options.clear.isEmpty
        let hasRecursive = !options.recursiveSet.isEmpty || !options.recursiveClear.isEmpty
        try mapIDs(mount, options, field: field)
        if volumes.contains(destination) { steps.append(.copyUp(tree: UInt32(trees.count), target: destination, isWhole: true)) }
        attach(
            .bind(
                source: source, recursive: isRecursive,
                set: (hasOwn ? options.set : options.recursiveSet).rawValue,
                clear: (hasOwn ? options.clear : options.recursiveClear).rawValue,
                attributesRecursive: !hasOwn && hasRecursive,
                propagation: (isWhole ? asked : standard).rawValue, field: field + ".source"),
            at: destination)
        if hasOwn, hasRecursive {
            steps.append(
                .setAttributes(
                    target: destination, set: options.recursiveSet.rawValue, clear: options.recursiveClear.rawValue, recursive: true))
        }
        if !isWhole { steps.append(.setTargetPropagation(target: destination, flags: asked.rawValue)) }
    }

    /// Words that only take back what is not so of a new mount.
    private static let ignoredByBinds: Set<String> = ["async", "nomand", "nolazytime"]

    /// The next tree is id-mapped when the configuration says so. See: runtime-spec config.md, "idmap".
    private mutating func mapIDs(
        _ mount: RuntimeConfiguration.MountEntry, _ options: MountOptions, field: String
    ) throws(RuntimeError) {
        var users = try NamespaceCompiler.mappings(mount.uidMappings, field + ".uidMappings")
        var groups = try NamespaceCompiler.mappings(mount.gidMappings, field + ".gidMappings")
        if users.isEmpty, groups.isEmpty {
            guard options.idMap != nil else { return }
            // Without maps of its own it shows the ids that the container has.
            (users, groups) = (namespaces.userMappings, namespaces.groupMappings)
            if users.isEmpty {
                throw .invalid(
                    field + ".options", "`idmap` needs uidMappings and gidMappings, or a user namespace whose maps it takes")
            }
        }
        if namespaces.isUnprivileged {
            throw RuntimeError(
                .notPermitted, .field(field), "without privileges no mount of the host's file systems can be id-mapped",
                advice: "Run as root, or leave the mapping out.")
        }
        if users.isEmpty { throw .invalid(field + ".uidMappings", "is missing beside gidMappings") }
        if groups.isEmpty { throw .invalid(field + ".gidMappings", "is missing beside uidMappings") }
        idMaps.append(
            IDMappedTree(
                tree: UInt32(trees.count), recursive: options.idMap ?? false, userMappings: users, groupMappings: groups))
    }

    /// Ids that the kernel would take as those of the container's user namespace.
    private func ids(_ options: MountOptions, field: String) throws(RuntimeError) {
        guard namespaces.new & NamespaceFlag.user.rawValue != 0 else { return }
        for option in options.data where option.key == "uid" || option.key == "gid" {
            guard let id = option.value.flatMap({ UInt32($0) }) else { continue }
            let mappings = option.key == "uid" ? namespaces.userMappings : namespaces.groupMappings
            if mappings.contains(where: { $0.container <= id && id - $0.container < $0.size }) { continue }
            throw .invalid(
                field + ".options", "`\(option.key)=\(id)` has no mapping in the container's user namespace",
                advice: "Leave the option out, or extend linux.\(option.key)Mappings.")
        }
    }

    /// Attributes of a mount that is there by now.
    private mutating func remount(_ options: MountOptions, at destination: String, field: String) throws(RuntimeError) {
        if let option = options.data.first {
            throw .unsupported(
                field + ".options", "`remount` changes attributes of a mount, not `\(option.key)`, which is an option of a file system")
        }
        for (set, clear, recursive) in [
            (options.set, options.clear, false), (options.recursiveSet, options.recursiveClear, true),
        ] where !set.isEmpty || !clear.isEmpty {
            steps.append(.setAttributes(target: destination, set: set.rawValue, clear: clear.rawValue, recursive: recursive))
        }
        if let propagation = options.propagation {
            steps.append(.setTargetPropagation(target: destination, flags: propagation.rawValue))
        }
    }

    /// SELinux label of new file systems.
    private var mountLabel: String { configuration.linux?.mountLabel ?? "" }

    mutating func attach(_ tree: TreePlan, at target: String) {
        trees.append(tree)
        steps.append(.attach(tree: UInt32(trees.count - 1), target: target))
    }

    func readOnly(_ target: String) -> LaunchStep {
        .setAttributes(target: target, set: MountAttributes.readOnly.rawValue, clear: 0, recursive: false)
    }

    /// Files of /proc that are served by others (lxcfs) and may be covered.
    private static let coverable: Set<String> = [
        "/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/loadavg",
        "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
    ]

    private static func destination(_ mount: RuntimeConfiguration.MountEntry, _ index: Int) throws(RuntimeError) -> String {
        let field = "mounts[\(index)].destination"
        let path = try ContainerPath.checked(mount.destination, field: field)
        if path == "/" { throw .invalid(field, "is the root, which is set by `root`") }
        if ContainerPath.isBelow(path, "/proc"), !coverable.contains(path) {
            throw .invalid(
                field, "\(path) lies in /proc: what is mounted there could mislead the writes that confine the container",
                advice: "Mount it elsewhere; linux.maskedPaths hides a file.")
        }
        if path == "/proc", mount.type != "proc", !(mount.options ?? []).contains(where: { $0 == "bind" || $0 == "rbind" }),
            mount.type != "bind"
        {
            throw .invalid(field, "only procfs may be mounted on /proc")
        }
        return path
    }
}
