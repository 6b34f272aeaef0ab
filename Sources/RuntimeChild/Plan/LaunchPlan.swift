/// Everything that is needed to make one container's first process, resolved: the host side (RuntimeKit) compiles it
/// from a runtime configuration, the shim prepares and clones, the child executes it.
///
/// It travels as a compact frame, since JSON would cost more than the fork.
package struct LaunchPlan: Sendable, Hashable {
    /// Who launches, and how.
    package enum Flavour: UInt8, Sendable {
        /// By a shim of ours: one phase, or parked before the exec until the shim says go.
        case supervised = 0
        /// By an OCI runtime command: two phases through the exec fifo, hooks, no pdeathsig.
        case oci = 1
    }

    package var flavour: Flavour = .supervised
    package var containerID: String
    package var namespaces = NamespacePlan()
    package var cgroup: CgroupPlan?
    /// Detached mount trees, made before the clone in the engine's mount namespace. A step refers to one by index.
    package var trees: [TreePlan] = []
    /// What the child does, in order, between its birth and its change of credentials.
    package var steps: [LaunchStep] = []
    package var process: ProcessPlan
    /// Mount overlays by mount(2) instead of fsopen(2): for kernels that lack `lowerdir+` (before 6.7), and for tests. Not
    /// set there, the launch still works: the kernel refuses, and then mount(2) is tried.
    package var forcesLegacyOverlay = false
    /// Trees whose mounts are id-mapped.
    package var idMappedTrees: [IDMappedTree] = []
    /// Interfaces of the launcher's network namespace that move into the container's.
    package var netDevices: [NetDevicePlan] = []

    package init(containerID: String, process: ProcessPlan) {
        self.containerID = containerID
        self.process = process
    }
}
