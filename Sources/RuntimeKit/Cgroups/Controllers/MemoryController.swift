internal import OCIModel

/// Memory and swap. See: cgroup-v2.rst "Memory", cgroup-v1/memory.rst.
enum MemoryController {
    static func apply(_ memory: RuntimeConfiguration.Memory, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let field = "linux.resources.memory"
        if (memory.kernel ?? 0) > 0 { throw .unsupported(field + ".kernel", "is gone from the kernel (since 5.16)") }
        if memory.useHierarchy == false { throw .invalid(field + ".useHierarchy", "cannot be false: accounting is always hierarchical") }
        for (name, value) in [
            ("limit", memory.limit), ("reservation", memory.reservation), ("swap", memory.swap), ("kernelTCP", memory.kernelTCP),
        ] {
            if let value, value < -1 { throw .invalid("\(field).\(name)", "\(value) is no size in bytes; -1 is no limit") }
        }
        // Zero is "not set" in the configurations of all engines.
        let limit = memory.limit.flatMap { $0 == 0 ? nil : $0 }
        let reservation = memory.reservation.flatMap { $0 == 0 ? nil : $0 }
        let swap = memory.swap.flatMap { $0 == 0 ? nil : $0 }
        if let swap, swap > 0 {
            guard let limit, limit > 0 else {
                throw .invalid(field + ".swap", "needs memory.limit: it bounds memory and swap together")
            }
            if swap < limit { throw .invalid(field + ".swap", "\(swap) is less than memory.limit \(limit), which it includes") }
        }
        if let limit, let reservation, limit > 0, reservation > limit {
            throw .invalid(field + ".reservation", "\(reservation) is more than memory.limit \(limit)")
        }
        if let swappiness = memory.swappiness, swappiness > 100 { throw .invalid(field + ".swappiness", "\(swappiness) is above 100") }
        let legacyOnly = memory.swappiness != nil || (memory.kernelTCP ?? 0) != 0 || memory.disableOOMKiller == true
        guard limit != nil || reservation != nil || swap != nil || legacyOnly else { return }
        let hierarchy = try builder.require("memory", for: field + ".limit")
        guard hierarchy.isUnified else {
            // The limit first: the one of both may not fall below it.
            if let limit { builder.write("\(limit)", to: "memory.limit_in_bytes", in: hierarchy, field: field + ".limit") }
            if let swap { builder.write("\(swap)", to: "memory.memsw.limit_in_bytes", in: hierarchy, field: field + ".swap") }
            if let reservation {
                builder.write("\(reservation)", to: "memory.soft_limit_in_bytes", in: hierarchy, field: field + ".reservation")
            }
            if let swappiness = memory.swappiness {
                builder.write("\(swappiness)", to: "memory.swappiness", in: hierarchy, field: field + ".swappiness")
            }
            if let tcp = memory.kernelTCP, tcp != 0 {
                builder.write("\(tcp)", to: "memory.kmem.tcp.limit_in_bytes", in: hierarchy, field: field + ".kernelTCP")
            }
            if memory.disableOOMKiller == true {
                builder.write("1", to: "memory.oom_control", in: hierarchy, field: field + ".disableOOMKiller")
            }
            return
        }
        let legacy = [
            ("swappiness", memory.swappiness != nil), ("kernelTCP", (memory.kernelTCP ?? 0) != 0),
            ("disableOOMKiller", memory.disableOOMKiller == true),
        ]
        for (name, isSet) in legacy where isSet { throw .unsupported("\(field).\(name)", "exists on cgroup v1 only") }
        if let limit { builder.write(text(limit), to: "memory.max", in: hierarchy, field: field + ".limit") }
        if let swap {
            // v2 counts swap alone.
            let alone = swap < 0 ? -1 : swap - (limit ?? 0)
            builder.write(text(alone), to: "memory.swap.max", in: hierarchy, field: field + ".swap")
        }
        if let reservation { builder.write(text(reservation), to: "memory.low", in: hierarchy, field: field + ".reservation") }
    }

    private static func text(_ bytes: Int64) -> String { bytes < 0 ? "max" : "\(bytes)" }
}
