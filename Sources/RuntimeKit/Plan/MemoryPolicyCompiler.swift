internal import OCIModel
internal import RuntimeChild

/// The NUMA memory policy. See: man 2 set_mempolicy, runtime-spec config-linux.md "Memory policy".
enum MemoryPolicyCompiler {
    /// linux/mempolicy.h.
    static let modes: [String: UInt32] = [
        "MPOL_DEFAULT": 0, "MPOL_PREFERRED": 1, "MPOL_BIND": 2, "MPOL_INTERLEAVE": 3, "MPOL_LOCAL": 4, "MPOL_PREFERRED_MANY": 5,
        "MPOL_WEIGHTED_INTERLEAVE": 6,
    ]
    static let flags: [String: UInt32] = [
        "MPOL_F_NUMA_BALANCING": 1 << 13, "MPOL_F_RELATIVE_NODES": 1 << 14, "MPOL_F_STATIC_NODES": 1 << 15,
    ]
    private static let withoutNodes: Set<UInt32> = [0, 4]

    static func compile(_ policy: RuntimeConfiguration.MemoryPolicy) throws(RuntimeError) -> MemoryPolicyPlan {
        let field = "linux.memoryPolicy"
        guard var mode = modes[policy.mode] else { throw .invalid(field + ".mode", "\"\(policy.mode)\" is an unknown mode") }
        let nodes = policy.nodes.flatMap { $0.isEmpty ? nil : $0 }
        if let nodes {
            if withoutNodes.contains(mode) { throw .invalid(field + ".nodes", "has no meaning with \(policy.mode)") }
            try NumberList.check(nodes, field: field + ".nodes")
        } else if !withoutNodes.contains(mode), mode != 1 {
            throw .invalid(field + ".nodes", "is missing, which \(policy.mode) needs")
        }
        for (index, name) in (policy.flags ?? []).enumerated() {
            guard let flag = flags[name] else { throw .invalid("\(field).flags[\(index)]", "\"\(name)\" is an unknown flag") }
            mode |= flag
        }
        if mode & 0xc000 == 0xc000 { throw .invalid(field + ".flags", "nodes are either static or relative") }
        return MemoryPolicyPlan(mode: mode, nodes: nodes)
    }
}
