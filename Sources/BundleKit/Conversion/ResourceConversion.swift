internal import OCIModel

/// Limits of the cgroup as the runtime configuration has them.
enum ResourceConversion {
    static func convert(_ resources: BundleResources) throws(BundleError) -> RuntimeConfiguration.Resources {
        var result = RuntimeConfiguration.Resources(devices: Defaults.deviceRules)
        result.memory = try memory(resources)
        result.cpu = try processors(resources)
        if let pids = resources.pids {
            guard pids > 0 || pids == -1 else { throw invalid("pids", "\(pids) is neither positive nor -1 (no limit).") }
            result.pids = .init(limit: pids)
        }
        let throttle = resources.ioThrottle
        if resources.ioWeight != nil || throttle != BundleResources.IOThrottle() {
            if let weight = resources.ioWeight, !(10...1000).contains(weight) {
                throw invalid("ioWeight", "\(weight) lies outside of 10…1000.")
            }
            func some(_ devices: [RuntimeConfiguration.ThrottleDevice]) -> [RuntimeConfiguration.ThrottleDevice]? {
                devices.isEmpty ? nil : devices
            }
            result.blockIO = .init(
                weight: resources.ioWeight, throttleReadBpsDevice: some(throttle.readBytes),
                throttleWriteBpsDevice: some(throttle.writeBytes), throttleReadIOPSDevice: some(throttle.readOperations),
                throttleWriteIOPSDevice: some(throttle.writeOperations))
        }
        return result
    }

    private static func memory(_ resources: BundleResources) throws(BundleError) -> RuntimeConfiguration.Memory? {
        guard resources.memory != nil || resources.memorySwap != nil || resources.memoryReservation != nil else { return nil }
        var memory = RuntimeConfiguration.Memory()
        if let limit = resources.memory {
            // Docker's lower bound: less than this no program starts in.
            guard limit >= 6 << 20, let limit = Int64(exactly: limit) else {
                throw invalid("memory", "\(limit) is below 6 MiB, or too large.")
            }
            memory.limit = limit
            memory.swap = limit > Int64.max / 2 ? -1 : limit * 2
        }
        if let swap = resources.memorySwap {
            guard let limit = memory.limit else { throw invalid("memorySwap", "It needs a limit on memory too.") }
            guard swap == -1 || swap >= limit else {
                throw invalid("memorySwap", "\(swap) is below the limit on memory: it counts both, memory and swap.")
            }
            memory.swap = swap
        }
        if let reservation = resources.memoryReservation {
            guard let value = Int64(exactly: reservation), memory.limit.map({ value <= $0 }) ?? true else {
                throw invalid("memoryReservation", "\(reservation) is above the limit on memory.")
            }
            memory.reservation = value
        }
        return memory
    }

    private static func processors(_ resources: BundleResources) throws(BundleError) -> RuntimeConfiguration.CPU? {
        var cpu = RuntimeConfiguration.CPU()
        if let cpus = resources.cpus {
            guard cpus.isFinite, cpus >= 0.01, cpus <= 65536 else { throw invalid("cpus", "\(cpus) lies outside of 0.01…65536.") }
            cpu.period = 100_000
            cpu.quota = Int64((cpus * 100_000).rounded())
        }
        if let shares = resources.cpuShares {
            guard (2...262_144).contains(shares) else { throw invalid("cpuShares", "\(shares) lies outside of 2…262144.") }
            cpu.shares = shares
        }
        for (name, list) in [("cpusetCPUs", resources.cpusetCPUs), ("cpusetMemory", resources.cpusetMemory)] {
            if let list, !isList(list) { throw invalid(name, "\(list) is no list of numbers and ranges, such as 0-3,7.") }
        }
        cpu.cpus = resources.cpusetCPUs
        cpu.mems = resources.cpusetMemory
        return cpu == RuntimeConfiguration.CPU() ? nil : cpu
    }

    /// The kernel's list format (cpuset(7)).
    private static func isList(_ text: String) -> Bool {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        return parts.allSatisfy { part in
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { UInt16($0) }
            guard ends.count == 1 || ends.count == 2, let first = ends[0], let last = ends[ends.count - 1] else { return false }
            return first <= last
        }
    }

    private static func invalid(_ field: String, _ reason: String) -> BundleError {
        BundleError(.invalidOption, .option("resources.\(field)"), reason)
    }
}
