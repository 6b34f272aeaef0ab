public import OCIModel
internal import SystemPackage

extension RuntimeConfiguration {
    /// Checks every field as a launch on this host would, without launching: what is not enforced here is refused by its name.
    /// Blocks for up to some 10 ms when it has a seccomp profile.
    /// - Throws: `RuntimeError` with the codes `.unsupportedField`, `.invalidField`, `.hostLacksFeature`, `.notPermitted`,
    ///   `.seccompFailed`.
    public func validate(features: HostFeatures = .detect(), cgroups: CgroupHost = .detect()) throws(RuntimeError) {
        guard let id = ContainerID("validation") else { return }
        _ = try PlanCompiler(features: features, cgroups: cgroups, seccomp: SeccompCache(directory: nil)).compile(
            self, container: id, root: .directory("/"), cgroupParent: cgroups.mode == .none ? nil : CgroupParent("/containerkit"))
    }
}
