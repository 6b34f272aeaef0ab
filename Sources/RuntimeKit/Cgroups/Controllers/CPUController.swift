internal import Glibc
internal import OCIModel

/// CPU time. See: cgroup-v2.rst "CPU", scheduler/sched-bwc.rst.
enum CPUController {
    static func apply(_ cpu: RuntimeConfiguration.CPU, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let field = "linux.resources.cpu"
        try realTime(cpu, field, &builder)
        // Zero is "not set" in the configurations of all engines.
        let shares = cpu.shares.flatMap { $0 == 0 ? nil : $0 }
        let period = cpu.period.flatMap { $0 == 0 ? nil : $0 }
        let quota = cpu.quota.flatMap { $0 == 0 ? nil : $0 }
        if let shares, shares == 1 { throw .invalid(field + ".shares", "is 1; the least is 2") }
        if let period, !(1_000...1_000_000).contains(period) {
            throw .invalid(field + ".period", "\(period) µs is not between 1,000 and 1,000,000")
        }
        if let quota, quota != -1, quota < 1_000 { throw .invalid(field + ".quota", "\(quota) µs is less than the least, 1,000") }
        if let burst = cpu.burst, burst > 0 {
            guard let quota, quota > 0 else { throw .invalid(field + ".burst", "needs a quota") }
            if burst > quota { throw .invalid(field + ".burst", "\(burst) µs is more than the quota, \(quota)") }
        }
        if let idle = cpu.idle, idle != 0, idle != 1 { throw .invalid(field + ".idle", "\(idle) is neither 0 nor 1") }
        let isIdle = cpu.idle == 1
        guard shares != nil || period != nil || quota != nil || cpu.burst != nil || isIdle else { return }
        let hierarchy = try builder.require("cpu", for: field)
        if let shares, !isIdle {
            // An idle group has the least weight, and refuses another.
            if hierarchy.isUnified {
                builder.write("\(weight(shares: shares))", to: "cpu.weight", in: hierarchy, field: field + ".shares")
            } else {
                builder.write("\(min(shares, 262_144))", to: "cpu.shares", in: hierarchy, field: field + ".shares")
            }
        }
        if hierarchy.isUnified {
            if quota != nil || period != nil {
                let limit = (quota ?? -1) < 0 ? "max" : "\(quota ?? 0)"
                let name = quota != nil ? ".quota" : ".period"
                builder.write("\(limit) \(period ?? 100_000)", to: "cpu.max", in: hierarchy, field: field + name)
            }
        } else {
            if let period { builder.write("\(period)", to: "cpu.cfs_period_us", in: hierarchy, field: field + ".period") }
            if let quota { builder.write("\(quota)", to: "cpu.cfs_quota_us", in: hierarchy, field: field + ".quota") }
        }
        if let burst = cpu.burst, burst > 0 {
            let file = hierarchy.isUnified ? "cpu.max.burst" : "cpu.cfs_burst_us"
            builder.write("\(burst)", to: file, in: hierarchy, field: field + ".burst")
        }
        if isIdle { builder.write("1", to: "cpu.idle", in: hierarchy, field: field + ".idle") }
    }

    /// Real-time scheduling exists on v1 only. The period first: the runtime may not pass it.
    private static func realTime(
        _ cpu: RuntimeConfiguration.CPU, _ field: String, _ builder: inout CgroupPlanBuilder
    ) throws(RuntimeError) {
        let controls = [
            ("realtimePeriod", cpu.realtimePeriod.map { "\($0)" }, "cpu.rt_period_us"),
            ("realtimeRuntime", cpu.realtimeRuntime.map { "\($0)" }, "cpu.rt_runtime_us"),
        ]
        for (name, value, file) in controls {
            guard let value, value != "0" else { continue }
            let hierarchy = try builder.require("cpu", for: "\(field).\(name)")
            if hierarchy.isUnified { throw .unsupported("\(field).\(name)", "exists on cgroup v1 only") }
            builder.write(value, to: file, in: hierarchy, field: "\(field).\(name)")
        }
    }

    /// The v2 weight for v1 shares: a curve through (2, 1), (1024, 100) and (262144, 10000), so that the default of the one
    /// is the default of the other. This is the conversion that OCI runtimes agreed on in 2024.
    static func weight(shares: UInt64) -> UInt64 {
        if shares <= 2 { return 1 }
        if shares >= 262_144 { return 10_000 }
        let power = log2(Double(shares))
        let exponent = (power * power + 125 * power) / 612 - 7.0 / 34
        // Rounded up, but not for the noise of floating point at a whole number.
        return UInt64((pow(10, exponent) - 1e-9).rounded(.up))
    }
}
