internal import OCIModel
internal import RuntimeChild

/// Converts the limits of a configuration to the directories and writes of this host's cgroup version.
/// See: runtime-spec config-linux.md "Control groups", kernel's cgroup-v2.rst and cgroup-v1/*.rst.
enum CgroupCompiler {
    /// - Parameters:
    ///   - path: the leaf, below the mount points.
    ///   - isForEngine: join also the v1 hierarchies in which container engines look for figures.
    ///   - limitsDevices: whether devices have to be limited here, which takes privileges.
    /// - Throws: `RuntimeError.Code.hostLacksFeature` for a limit without its controller, `.unsupportedField`, `.invalidField`.
    static func compile(
        _ resources: RuntimeConfiguration.Resources?, at path: String, on host: CgroupHost, isForEngine: Bool = false,
        limitsDevices: Bool = true
    ) throws(RuntimeError) -> CgroupPlan {
        guard host.mode != .none else {
            throw .hostLacks(
                "linux.cgroupsPath", "no cgroup hierarchy is mounted",
                advice: "Mount one: `mount -t cgroup2 cgroup2 /sys/fs/cgroup`.")
        }
        var builder = CgroupPlanBuilder(host: host, path: path)
        // A v1 hierarchy costs 35 µs to enter and leave: only those that limit or measure something are used.
        builder.use("memory")
        builder.use("pids")
        if host.unified == nil {
            // What the v2 tree does on a hybrid host: CPU time, freezing, killing.
            builder.use("cpuacct")
            builder.use("freezer")
        }
        if isForEngine { for controller in ["cpu", "cpuacct", "blkio", "freezer"] { builder.use(controller) } }
        let resources = resources ?? RuntimeConfiguration.Resources()
        if let memory = resources.memory { try MemoryController.apply(memory, to: &builder) }
        if let cpu = resources.cpu {
            try CPUController.apply(cpu, to: &builder)
            try CpusetController.apply(cpu, to: &builder)
        }
        if let pids = resources.pids { try PidsController.apply(pids, to: &builder) }
        if let blockIO = resources.blockIO { try BlockIOController.apply(blockIO, to: &builder) }
        if let limits = resources.hugepageLimits { try HugepageController.apply(limits, to: &builder) }
        if let network = resources.network { try NetworkController.apply(network, to: &builder) }
        if let rdma = resources.rdma { try RDMAController.apply(rdma, to: &builder) }
        if limitsDevices { try DevicesController.apply(resources.devices ?? [], to: &builder) }
        // After the rest: a file named here wins over what was converted.
        if let unified = resources.unified { try UnifiedControls.apply(unified, to: &builder) }
        builder.useUnified()
        return builder.finished()
    }
}
