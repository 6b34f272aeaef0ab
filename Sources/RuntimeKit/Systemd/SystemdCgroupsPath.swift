internal import OCIModel
internal import RuntimeChild

/// `linux.cgroupsPath` as engines write it for the systemd driver of cgroups: `slice:prefix:name`.
///
/// The container's cgroup is `container` in the scope `prefix-name.scope`: what lies below a delegated scope is ours, while limits on the
/// scope's own cgroup would be systemd's, which sets them anew when it reloads.
enum SystemdCgroupsPath {
    /// The leaf of the container in its scope.
    static let leaf = "container"

    /// - Parameter path: nil and the empty one are `system.slice:ckrun:<id>`.
    /// - Throws: `RuntimeError.Code.invalidField`, `.unsupportedField` for a container that is to be a slice.
    static func scope(_ path: String?, container: ContainerID) throws(RuntimeError) -> ScopePlan {
        let field = "linux.cgroupsPath"
        let path = path ?? ""
        let parts = (path.isEmpty ? ":ckrun:\(container)" : path).split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3 else {
            throw .invalid(
                field, "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"\(path)\" instead",
                advice: "Leave --systemd-cgroup out, or have the engine use its systemd driver.")
        }
        let slice = parts[0].isEmpty ? SystemdHost.slice : parts[0]
        guard UnitName.path(ofSlice: slice) != nil else { throw .invalid(field, "\"\(slice)\" is not the name of a slice") }
        if parts[2].hasSuffix(".slice") { throw .unsupported(field, "names a slice, \(parts[2]): a container is a scope") }
        let unit = (parts[1].isEmpty ? "" : parts[1] + "-") + parts[2] + ".scope"
        guard !parts[2].isEmpty, UnitName.isValid(unit, type: "scope") else {
            throw .invalid(field, "\"\(unit)\" is not the name of a unit")
        }
        return ScopePlan(unit: unit, slice: slice, description: "Container \(container)")
    }
}

extension CommandRuntime {
    /// The scope of a container that is to be made, with its cgroup's path in the configuration; nil without the systemd driver.
    /// - Throws: `RuntimeError.Code.hostLacksFeature`, and as `SystemdCgroupsPath.scope`.
    func scope(for id: ContainerID, in configuration: inout RuntimeConfiguration) throws(RuntimeError) -> ScopePlan? {
        guard usesSystemd else { return nil }
        var scope = try SystemdCgroupsPath.scope(configuration.linux?.cgroupsPath, container: id)
        guard let systemd = SystemdHost.detect(cgroups), let path = systemd.path(of: scope) else {
            throw .hostLacks(
                "linux.cgroupsPath", "systemd does not run here, or this is not root, or cgroups are of version 1",
                advice: "Configure the engine for the cgroupfs driver and leave --systemd-cgroup out.")
        }
        scope.directory = systemd.mountPoint + path
        configuration.linux = configuration.linux ?? RuntimeConfiguration.Linux()
        configuration.linux?.cgroupsPath = path + "/" + SystemdCgroupsPath.leaf
        return scope
    }

    /// Back to where this process was before it entered a scope. Where it may not, it stays, and the scope until it ends.
    func leave(_ scope: ScopePlan) {
        guard let unified = cgroups.unified else { return }
        try? CgroupDirectory.write("0", to: unified.directory(unified.ownPath) + "/cgroup.procs")
        try? CgroupDirectory.remove("\(scope.directory)/\(TransientScope.leaf)")
    }
}
