/// The arguments of set_mempolicy(2).
package struct MemoryPolicyPlan: Sendable, Hashable {
    /// `MPOL_…` and `MPOL_F_…`.
    package var mode: UInt32
    /// A list as cpusets write it (`0-3,7`); nil for policies without nodes.
    package var nodes: String?

    package init(mode: UInt32, nodes: String?) {
        self.mode = mode
        self.nodes = nodes
    }
}
