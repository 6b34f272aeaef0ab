internal import OCIModel

/// Block device I/O. See: cgroup-v2.rst "IO", cgroup-v1/blkio-controller.rst, block/bfq-iosched.rst.
enum BlockIOController {
    private static let field = "linux.resources.blockIO"

    static func apply(_ blockIO: RuntimeConfiguration.BlockIO, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        if (blockIO.leafWeight ?? 0) != 0 { throw .unsupported(field + ".leafWeight", "is gone from the kernel (since 5.0)") }
        try weights(blockIO, to: &builder)
        try throttle(blockIO.throttleReadBpsDevice, "throttleReadBpsDevice", "rbps", "blkio.throttle.read_bps_device", &builder)
        try throttle(blockIO.throttleWriteBpsDevice, "throttleWriteBpsDevice", "wbps", "blkio.throttle.write_bps_device", &builder)
        try throttle(blockIO.throttleReadIOPSDevice, "throttleReadIOPSDevice", "riops", "blkio.throttle.read_iops_device", &builder)
        try throttle(blockIO.throttleWriteIOPSDevice, "throttleWriteIOPSDevice", "wiops", "blkio.throttle.write_iops_device", &builder)
    }

    private static func weights(_ blockIO: RuntimeConfiguration.BlockIO, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        // Zero is "not set" in the configurations of all engines.
        if let weight = blockIO.weight, weight != 0 {
            try check(weight, field + ".weight")
            let (hierarchy, file, isPlain) = try weightControl(builder, field + ".weight")
            let value = isPlain ? Self.plainWeight(weight) : UInt64(weight)
            builder.write("\(value)", to: file, in: hierarchy, field: field + ".weight")
        }
        for (index, device) in (blockIO.weightDevice ?? []).enumerated() {
            let name = "\(field).weightDevice[\(index)]"
            if (device.leafWeight ?? 0) != 0 { throw .unsupported(name + ".leafWeight", "is gone from the kernel (since 5.0)") }
            guard let weight = device.weight, weight != 0 else { throw .invalid(name + ".weight", "is missing") }
            try check(weight, name + ".weight")
            try check(device.major, device.minor, name)
            let (hierarchy, file, isPlain) = try weightControl(builder, name)
            let value = isPlain ? Self.plainWeight(weight) : UInt64(weight)
            let target = hierarchy.isUnified ? file : file + "_device"
            builder.write("\(device.major):\(device.minor) \(value)", to: target, in: hierarchy, field: name + ".weight")
        }
    }

    /// The file of weights, which depends on the I/O schedulers of the kernel, and whether it is v2's own (1…10000).
    private static func weightControl(
        _ builder: CgroupPlanBuilder, _ name: String
    ) throws(RuntimeError) -> (CgroupHierarchy, String, Bool) {
        if let hierarchy = builder.host.hierarchy(of: "io") {
            if builder.hasControl("io.bfq.weight", in: hierarchy, otherwise: false) { return (hierarchy, "io.bfq.weight", false) }
            return (hierarchy, "io.weight", true)
        }
        let hierarchy = try builder.require("blkio", for: name)
        for file in ["blkio.bfq.weight", "blkio.weight"] where builder.hasControl(file, in: hierarchy, otherwise: false) {
            return (hierarchy, file, false)
        }
        throw .hostLacks(
            name, "no I/O scheduler of this kernel knows weights",
            advice: "Load the `bfq` scheduler and set it for the device, or leave the weight out.")
    }

    private static func throttle(
        _ devices: [RuntimeConfiguration.ThrottleDevice]?, _ member: String, _ key: String, _ file: String,
        _ builder: inout CgroupPlanBuilder
    ) throws(RuntimeError) {
        for (index, device) in (devices ?? []).enumerated() {
            let name = "\(field).\(member)[\(index)]"
            try check(device.major, device.minor, name)
            guard let rate = device.rate else { throw .invalid(name + ".rate", "is missing") }
            if let hierarchy = builder.host.hierarchy(of: "io") {
                let value = rate == 0 ? "max" : "\(rate)"
                builder.write("\(device.major):\(device.minor) \(key)=\(value)", to: "io.max", in: hierarchy, field: name + ".rate")
            } else {
                let hierarchy = try builder.require("blkio", for: name)
                builder.write("\(device.major):\(device.minor) \(rate)", to: file, in: hierarchy, field: name + ".rate")
            }
        }
    }

    /// v2's own weight, 1…10000, for one of 10…1000.
    static func plainWeight(_ weight: UInt16) -> UInt64 { 1 + (UInt64(weight) - 10) * 9999 / 990 }

    private static func check(_ weight: UInt16, _ field: String) throws(RuntimeError) {
        guard (10...1000).contains(weight) else { throw .invalid(field, "\(weight) is not between 10 and 1000") }
    }

    private static func check(_ major: Int64, _ minor: Int64, _ field: String) throws(RuntimeError) {
        guard DeviceNumber.isMajor(major) else { throw .invalid(field + ".major", "\(major) is no major number") }
        guard DeviceNumber.isMinor(minor) else { throw .invalid(field + ".minor", "\(minor) is no minor number") }
    }
}

/// Ranges of device numbers: 12 and 20 bits. See: man 3 makedev.
enum DeviceNumber {
    static func isMajor(_ number: Int64) -> Bool { (0..<(1 << 12)).contains(number) }
    static func isMinor(_ number: Int64) -> Bool { (0..<(1 << 20)).contains(number) }
}
