internal import LinuxSystem
package import OCIModel
package import RuntimeChild
internal import SystemPackage

/// Checks a configuration and compiles it to what a shim carries out. Nothing is made while it compiles: a configuration
/// that it refuses has left no trace.
package struct PlanCompiler: Sendable {
    let features: HostFeatures
    let cgroups: CgroupHost
    let seccomp: SeccompCache
    /// Whether it is for an OCI runtime command: a container engine looks for figures in every hierarchy of cgroup v1, and the command
    /// runs hooks.
    var isForEngine = false
    /// What listeners of system calls are told: the bundle's directory.
    var bundle = ""

    package init(features: HostFeatures, cgroups: CgroupHost, seccomp: SeccompCache) {
        self.features = features
        self.cgroups = cgroups
        self.seccomp = seccomp
    }

    /// Compiles the first process of a container. Blocks: some 100 µs, and up to some 10 ms when its seccomp profile is new.
    ///
    /// - Parameters:
    ///   - root: where the root file system comes from; `configuration.root` only says whether it is read-only.
    ///   - cgroupParent: nil makes no cgroup; then limits are refused.
    ///   - volumes: destinations of bind mounts of directories of mode 0, which are filled first with what the root has there.
    /// - Throws: `RuntimeError.Code.unsupportedField`, `.invalidField`, `.hostLacksFeature`, `.notPermitted`, `.seccompFailed`.
    package func compile(
        _ configuration: RuntimeConfiguration, container: ContainerID, root: RootSource, cgroupParent: CgroupParent?,
        volumes: Set<String> = []
    ) throws(RuntimeError) -> LaunchPlan {
        try UnsupportedFields.check(configuration, features: features, allowsHooks: isForEngine)
        guard let process = configuration.process else { throw .invalid("process", "is missing, so there is nothing to start") }
        let namespaces = try NamespaceCompiler(configuration: configuration, features: features).compile()
        let processPlan = try ProcessCompiler(
            process: process, configuration: configuration, features: features, seccomp: seccomp, isExec: false, bundle: bundle,
            container: container.description
        ).compile()
        var plan = LaunchPlan(containerID: container.description, process: processPlan)
        plan.namespaces = namespaces
        // An older kernel would say so in its log, once a container.
        plan.forcesLegacyOverlay = features.kernel.map { $0 < KernelVersion(6, 7) } ?? false
        plan.netDevices = try NetDeviceCompiler.compile(configuration, features: features)
        plan.cgroup = try cgroup(configuration, container: container, parent: cgroupParent)

        var mounts = MountCompiler(
            configuration: configuration, namespaces: namespaces, cgroup: plan.cgroup, cgroups: cgroups,
            trees: [try rootTree(root, label: configuration.linux?.mountLabel ?? "")])
        mounts.volumes = volumes
        try mounts.compile()
        plan.trees = mounts.trees
        plan.idMappedTrees = mounts.idMaps
        plan.steps = [.setPropagation(MountPropagation([.slave, .recursive]).rawValue), .attachRoot(tree: 0)]
        plan.steps += mounts.steps
        plan.steps += try DeviceCompiler.compile(configuration)
        // As Docker does: the working directory of an image need not exist in it.
        if processPlan.workingDirectory != "/" { plan.steps.append(.makeDirectory(path: processPlan.workingDirectory, mode: 0o755)) }
        if processPlan.terminal { plan.steps.append(.bindConsole) }
        // Before /proc/sys becomes read-only.
        for parameter in try SysctlValidation.steps(configuration) {
            plan.steps.append(.setSysctl(name: parameter.name, value: parameter.value))
        }
        try coveredPaths(configuration, &plan)
        plan.steps += mounts.finalSteps
        plan.steps.append(.pivotRoot)
        try rootPropagation(configuration, &plan)
        if configuration.root?.readonly == true { plan.steps.append(mounts.readOnly("/")) }
        try names(configuration, &plan)
        if configuration.makesNamespace(.network) { plan.steps.append(.raiseLoopback) }
        return plan
    }

    /// Compiles a further process of a running container, which the shim moves into its namespaces and cgroup.
    /// - Parameters:
    ///   - configuration: the container's own; its filter and personality hold for every process.
    ///   - container: its name, which a listener of its filter is told.
    package func compile(
        exec process: RuntimeConfiguration.Process, in configuration: RuntimeConfiguration, of container: ContainerID? = nil
    ) throws(RuntimeError) -> ExecPlan {
        ExecPlan(
            process: try ProcessCompiler(
                process: process, configuration: configuration, features: features, seccomp: seccomp, isExec: true, bundle: bundle,
                container: container?.description ?? ""
            ).compile())
    }

    private func cgroup(
        _ configuration: RuntimeConfiguration, container: ContainerID, parent: CgroupParent?
    ) throws(RuntimeError) -> CgroupPlan? {
        if let parent {
            let path = try CgroupPath.leaf(configuration.linux?.cgroupsPath, parent: parent, container: container.description)
            // In a user namespace devices are out of reach, where mknod is.
            return try CgroupCompiler.compile(
                configuration.linux?.resources, at: path, on: cgroups, isForEngine: isForEngine,
                limitsDevices: features.isPrivileged || !configuration.hasNamespace(.user))
        }
        let advice = "Run as root, or in a unit with Delegate=yes, or leave the limits out."
        if configuration.linux?.cgroupsPath != nil { throw .hostLacks("linux.cgroupsPath", "no cgroup can be made here", advice: advice) }
        guard var resources = configuration.linux?.resources else { return nil }
        // Without a cgroup the devices are still out of reach where mknod is: in a user namespace.
        if configuration.hasNamespace(.user) { resources.devices = nil }
        if resources != RuntimeConfiguration.Resources() {
            throw .hostLacks("linux.resources", "no cgroup can be made here", advice: advice)
        }
        return nil
    }

    private func rootTree(_ root: RootSource, label: String) throws(RuntimeError) -> TreePlan {
        switch root {
        case .directory(let path):
            try check(path)
            return .bind(
                source: path.string, recursive: true, set: 0, clear: 0, attributesRecursive: false,
                propagation: MountPropagation([.slave, .recursive]).rawValue, field: "root.path")
        case .overlay(let lower, let upper, let work):
            for path in lower { try check(path) }
            if let upper { try check(upper) }
            if let work { try check(work) }
            guard !lower.isEmpty else { throw .invalid("root.path", "an overlay without a lower directory") }
            guard (upper == nil) == (work == nil) else { throw .invalid("root.path", "an overlay needs upper and work directory together") }
            // OVL_MAX_STACK of the kernel.
            guard lower.count <= 500 else {
                throw .invalid(
                    "root.path", "an overlay of \(lower.count) layers is more than the kernel takes, 500",
                    advice: "Squash the image.")
            }
            guard features.hasOverlay else {
                throw .hostLacks("root.path", "the kernel has no overlay file system", advice: "Load the module: `modprobe overlay`.")
            }
            return .overlay(
                lower: lower.map(\.string), upper: upper?.string, work: work?.string,
                options: label.isEmpty ? [] : [MountOption("context", label)], attributes: 0)
        }
    }

    private func check(_ path: FilePath) throws(RuntimeError) {
        if !path.isAbsolute { throw .invalid("root.path", "\(path) is not absolute") }
    }

    private func coveredPaths(_ configuration: RuntimeConfiguration, _ plan: inout LaunchPlan) throws(RuntimeError) {
        func paths(_ list: [String]?, _ field: String) throws(RuntimeError) -> [String] {
            var result: [String] = []
            for (index, path) in (list ?? []).enumerated() {
                let path = try ContainerPath.checked(path, field: "\(field)[\(index)]")
                if path == "/" { throw .invalid("\(field)[\(index)]", "is the root", advice: "Set root.readonly.") }
                if !result.contains(path) { result.append(path) }
            }
            return result
        }
        let masked = try paths(configuration.linux?.maskedPaths, "linux.maskedPaths")
        let readOnly = try paths(configuration.linux?.readonlyPaths, "linux.readonlyPaths")
        if !readOnly.isEmpty { plan.steps.append(.makeReadOnly(readOnly)) }
        if !masked.isEmpty { plan.steps.append(.maskPaths(masked)) }
    }

    private func rootPropagation(_ configuration: RuntimeConfiguration, _ plan: inout LaunchPlan) throws(RuntimeError) {
        guard let name = configuration.linux?.rootfsPropagation, !name.isEmpty else { return }
        guard let flags = MountOptions.propagation(name) else {
            throw .invalid("linux.rootfsPropagation", "\"\(name)\" is none of shared, slave, private and unbindable")
        }
        plan.steps.append(.setTargetPropagation(target: "/", flags: flags.rawValue))
    }

    /// See: man 2 sethostname, setdomainname: at most 64 bytes (__NEW_UTS_LEN).
    private func names(_ configuration: RuntimeConfiguration, _ plan: inout LaunchPlan) throws(RuntimeError) {
        for (field, name) in [("hostname", configuration.hostname), ("domainname", configuration.domainname)] {
            guard let name, !name.isEmpty else { continue }
            guard configuration.hasNamespace(.uts) else {
                throw .invalid(
                    field, "needs a UTS namespace, or it would rename the host", advice: "Add {\"type\": \"uts\"} to linux.namespaces.")
            }
            let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
            guard isPlain, name.utf8.count <= 64 else { throw .invalid(field, "\"\(name)\" is no name of at most 64 letters") }
            plan.steps.append(field == "hostname" ? .setHostname(name) : .setDomainname(name))
        }
    }
}
