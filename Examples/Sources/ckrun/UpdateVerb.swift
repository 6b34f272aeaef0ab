import OCIModel
import RuntimeKit

/// `update`.
enum UpdateVerb {
    static func run(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(
            words, verb: "update",
            valued: [
                "resources", "blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period", "cpu-rt-runtime",
                "cpuset-cpus",
                "cpuset-mems", "cpu-idle", "memory", "memory-swap", "memory-reservation", "kernel-memory", "kernel-memory-tcp",
                "pids-limit",
                "l3-cache-schema", "mem-bw-schema",
            ], aliases: ["r": "resources"])
        let id = try Verb.container(arguments, "update")
        if let path = arguments.value("resources") {
            try runtime.update(id, try CommandRuntime.resources(readingJSON: try InputFile.read(path)))
            return 0
        }
        for name in ["l3-cache-schema", "mem-bw-schema"] where arguments.value(name) != nil {
            throw CommandFailure("--\(name) is not supported")
        }
        var resources = RuntimeConfiguration.Resources()
        var cpu = RuntimeConfiguration.CPU()
        cpu.shares = try arguments.number("cpu-share", UInt64.self)
        cpu.quota = try arguments.number("cpu-quota", Int64.self)
        cpu.burst = try arguments.number("cpu-burst", UInt64.self)
        cpu.period = try arguments.number("cpu-period", UInt64.self)
        cpu.realtimeRuntime = try arguments.number("cpu-rt-runtime", Int64.self)
        cpu.realtimePeriod = try arguments.number("cpu-rt-period", UInt64.self)
        cpu.idle = try arguments.number("cpu-idle", Int64.self)
        cpu.cpus = arguments.value("cpuset-cpus")
        cpu.mems = arguments.value("cpuset-mems")
        if cpu != RuntimeConfiguration.CPU() { resources.cpu = cpu }
        var memory = RuntimeConfiguration.Memory()
        memory.limit = try arguments.value("memory").map { try bytes($0, "memory") }
        memory.swap = try arguments.value("memory-swap").map { try bytes($0, "memory-swap") }
        memory.reservation = try arguments.value("memory-reservation").map { try bytes($0, "memory-reservation") }
        if memory != RuntimeConfiguration.Memory() { resources.memory = memory }
        if let limit = try arguments.number("pids-limit", Int64.self) { resources.pids = RuntimeConfiguration.Pids(limit: limit) }
        if let weight = try arguments.number("blkio-weight", UInt16.self) {
            var blockIO = RuntimeConfiguration.BlockIO()
            blockIO.weight = weight
            resources.blockIO = blockIO
        }
        try runtime.update(id, resources)
        return 0
    }

    /// `64M`, `1g`, plain bytes, or -1 for no limit.
    private static func bytes(_ text: String, _ name: String) throws -> Int64 {
        let units: [Character: Int64] = ["b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
        var digits = text.lowercased()
        if digits.hasSuffix("b"), digits.count > 1, digits.dropLast().last.map({ units[$0] != nil }) == true { digits.removeLast() }
        let unit = digits.last.flatMap { units[$0] }
        if unit != nil { digits.removeLast() }
        let (product, isOver) = try Arguments.number(digits, Int64.self, name).multipliedReportingOverflow(by: unit ?? 1)
        if isOver { throw CommandFailure("\(name): \"\(text)\" is no number in range") }
        return product
    }
}
