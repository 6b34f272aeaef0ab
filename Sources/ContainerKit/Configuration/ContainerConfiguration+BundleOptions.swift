internal import BundleKit
internal import OCIModel

extension ContainerConfiguration {
    /// The part that becomes the runtime configuration.
    func bundleOptions() throws(ContainerError) -> BundleOptions {
        var options = BundleOptions()
        options.command = command
        options.entrypoint = entrypoint
        options.environment = environment
        options.user = user
        options.additionalGroups = additionalGroups
        options.workingDirectory = workingDirectory
        options.terminal = terminal
        options.hostname = hostname
        options.readOnlyRoot = readOnlyRoot
        options.mounts = mounts.map(\.mount)
        options.sharedMemorySize = try Self.unsigned(sharedMemorySize, "sharedMemorySize")
        options.resources = try resources.bundleResources()
        options.security = security
        switch network {
        case .none: options.network = .none
        case .host: options.network = .host
        case .namespace(let path): options.network = .namespace(path)
        }
        options.resourceLimits = resourceLimits
        options.sysctls = sysctls
        options.oomScoreAdjustment = oomScoreAdjustment
        options.stopSignal = stopSignal
        options.labels = labels
        return options
    }

    fileprivate static func unsigned(_ count: ByteCount, _ field: String) throws(ContainerError) -> UInt64 {
        guard count.rawValue >= 0 else {
            throw ContainerError(.configurationRefused, .option(field), "\(count.rawValue) bytes is less than nothing")
        }
        return UInt64(count.rawValue)
    }
}

extension ContainerConfiguration.Resources {
    fileprivate func bundleResources() throws(ContainerError) -> BundleResources {
        var result = BundleResources()
        if let memory { result.memory = try ContainerConfiguration.unsigned(memory, "resources.memory") }
        // -1 is Docker's way to say that swap has no limit.
        result.memorySwap = memorySwap.map(\.rawValue)
        if let memoryReservation {
            result.memoryReservation = try ContainerConfiguration.unsigned(memoryReservation, "resources.memoryReservation")
        }
        result.cpus = cpus
        result.cpuShares = cpuShares
        result.cpusetCPUs = cpusetCPUs
        result.cpusetMemory = cpusetMemory
        result.pids = pids
        result.ioWeight = ioWeight
        result.ioThrottle = ioThrottle
        return result
    }
}
