internal import OCIModel
internal import RuntimeChild

/// Collects directories and writes while the controllers convert the resources, each in a file of its own.
struct CgroupPlanBuilder {
    let host: CgroupHost
    /// Path of the leaf below the mount points.
    let path: String
    private var directories: [CgroupPlan.Directory] = []

    init(host: CgroupHost, path: String) {
        self.host = host
        self.path = path
    }

    /// Makes the container a member of the controller's hierarchy, where there is one.
    mutating func use(_ controller: String) {
        if let hierarchy = host.hierarchy(of: controller) { _ = index(of: hierarchy) }
    }

    /// Makes the container a member of the v2 tree, where there is one.
    mutating func useUnified() {
        if let hierarchy = host.unified { _ = index(of: hierarchy) }
    }

    /// The controller that `field` needs.
    /// - Throws: `RuntimeError.Code.hostLacksFeature`.
    func require(_ controller: String, for field: String) throws(RuntimeError) -> CgroupHierarchy {
        if let hierarchy = host.hierarchy(of: controller) { return hierarchy }
        throw .hostLacks(
            field, "the host has no cgroup controller \"\(controller)\"",
            advice: "Enable it in the kernel and hand it down to this process's cgroup (`Delegate=\(controller)` of a systemd unit), "
                + "or leave the limit out.")
    }

    /// Adds a write to the directory of a hierarchy.
    /// - Parameter isOptional: its absence is harmless.
    mutating func write(
        _ value: String, to file: String, in hierarchy: CgroupHierarchy, field: String, isOptional: Bool = false
    ) {
        directories[index(of: hierarchy)].writes.append(.init(file: file, value: value, field: field, isOptional: isOptional))
    }

    /// Sets the device filter of the v2 directory.
    mutating func filterDevices(_ program: [UInt8], in hierarchy: CgroupHierarchy) {
        directories[index(of: hierarchy)].deviceProgram = program
    }

    /// Whether a control exists for cgroups in this hierarchy: looked up in the nearest existing ancestor that is not the root,
    /// since the root of v2 lacks most, else answered by `fallback`.
    func hasControl(_ file: String, in hierarchy: CgroupHierarchy, otherwise fallback: Bool) -> Bool {
        var names = path.split(separator: "/").dropLast()
        while !names.isEmpty {
            let directory = hierarchy.mountPoint + "/" + names.joined(separator: "/")
            if HostFile.exists(directory) { return HostFile.exists(directory + "/" + file) }
            names.removeLast()
        }
        return HostFile.exists(hierarchy.mountPoint + "/" + file) || fallback
    }

    func finished() -> CgroupPlan { CgroupPlan(directories: directories) }

    private mutating func index(of hierarchy: CgroupHierarchy) -> Int {
        let directory = hierarchy.directory(path)
        if let index = directories.firstIndex(where: { $0.path == directory }) { return index }
        directories.append(.init(path: directory, isUnified: hierarchy.isUnified))
        return directories.count - 1
    }
}
