package import RuntimeChild

/// What a container has used. A figure is nil where its controller is not there.
public struct CgroupStatistics: Sendable, Hashable {
    /// CPU time.
    public var cpuMicroseconds: UInt64?
    /// CPU time in user mode.
    public var userMicroseconds: UInt64?
    /// CPU time in the kernel.
    public var systemMicroseconds: UInt64?
    /// Periods of the CPU quota in which the container had to wait.
    public var throttledPeriods: UInt64?
    /// Bytes of memory in use, caches included.
    public var memoryBytes: UInt64?
    /// The most bytes of memory that were in use.
    public var memoryPeakBytes: UInt64?
    /// The limit of memory in bytes; nil without one.
    public var memoryLimitBytes: UInt64?
    /// Processes that were killed for want of memory.
    public var outOfMemoryKills: UInt64?
    /// Tasks that there are.
    public var tasks: UInt64?
    /// The limit of tasks; nil without one.
    public var taskLimit: UInt64?
    /// Bytes read from block devices.
    public var readBytes: UInt64?
    /// Bytes written to block devices.
    public var writtenBytes: UInt64?

    /// No figure at all.
    public init() {}

    /// Reads the figures of a container's cgroup. Blocks for some 100 µs. What cannot be read stays nil.
    package init(reading plan: CgroupPlan) { self.init(directories: plan.directories.map { ($0.path, $0.isUnified) }) }

    package init(directories: [(path: String, isUnified: Bool)]) {
        for (path, isUnified) in directories {
            if isUnified { readUnified(path) } else { readLegacy(path) }
        }
    }

    /// See: kernel's cgroup-v2.rst.
    private mutating func readUnified(_ path: String) {
        let cpu = Self.table(path + "/cpu.stat")
        cpuMicroseconds = cpuMicroseconds ?? cpu["usage_usec"]
        userMicroseconds = userMicroseconds ?? cpu["user_usec"]
        systemMicroseconds = systemMicroseconds ?? cpu["system_usec"]
        throttledPeriods = throttledPeriods ?? cpu["nr_throttled"]
        memoryBytes = memoryBytes ?? Self.number(path + "/memory.current")
        // Since Linux 5.19.
        memoryPeakBytes = memoryPeakBytes ?? Self.number(path + "/memory.peak")
        memoryLimitBytes = memoryLimitBytes ?? Self.number(path + "/memory.max")
        outOfMemoryKills = outOfMemoryKills ?? Self.table(path + "/memory.events")["oom_kill"]
        tasks = tasks ?? Self.number(path + "/pids.current")
        taskLimit = taskLimit ?? Self.number(path + "/pids.max")
        guard let io = try? HostFile.text(path + "/io.stat") else { return }
        readBytes = Self.sum(of: "rbytes", in: io)
        writtenBytes = Self.sum(of: "wbytes", in: io)
    }

    /// See: kernel's cgroup-v1/memory.rst, cpuacct.rst, blkio-controller.rst.
    private mutating func readLegacy(_ path: String) {
        if let nanoseconds = Self.number(path + "/cpuacct.usage") {
            cpuMicroseconds = nanoseconds / 1000
            userMicroseconds = Self.number(path + "/cpuacct.usage_user").map { $0 / 1000 }
            systemMicroseconds = Self.number(path + "/cpuacct.usage_sys").map { $0 / 1000 }
        }
        if let throttled = Self.table(path + "/cpu.stat")["nr_throttled"] { throttledPeriods = throttled }
        if let bytes = Self.number(path + "/memory.usage_in_bytes") {
            memoryBytes = bytes
            memoryPeakBytes = Self.number(path + "/memory.max_usage_in_bytes")
            // No limit is the largest number of pages.
            memoryLimitBytes = Self.number(path + "/memory.limit_in_bytes").flatMap { $0 > UInt64(Int64.max) - (1 << 20) ? nil : $0 }
            outOfMemoryKills = Self.table(path + "/memory.oom_control")["oom_kill"]
        }
        if let current = Self.number(path + "/pids.current") {
            tasks = current
            taskLimit = Self.number(path + "/pids.max")
        }
        guard let io = try? HostFile.text(path + "/blkio.throttle.io_service_bytes") else { return }
        readBytes = Self.legacySum(of: "Read", in: io)
        writtenBytes = Self.legacySum(of: "Write", in: io)
    }

    private static func number(_ path: String) -> UInt64? { HostFile.trimmed(path).flatMap { UInt64($0) } }

    /// Lines of a word and a number.
    private static func table(_ path: String) -> [String: UInt64] {
        var table: [String: UInt64] = [:]
        for line in ((try? HostFile.text(path)) ?? "").split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 2, let value = UInt64(fields[1]) { table[String(fields[0])] = value }
        }
        return table
    }

    /// Lines of `8:0 rbytes=1 wbytes=2`.
    private static func sum(of key: String, in text: String) -> UInt64 {
        var sum: UInt64 = 0
        for word in text.split(whereSeparator: { $0 == "\n" || $0 == " " }) where word.hasPrefix(key + "=") {
            sum &+= UInt64(word.dropFirst(key.count + 1)) ?? 0
        }
        return sum
    }

    /// Lines of `8:0 Read 1`.
    private static func legacySum(of word: String, in text: String) -> UInt64 {
        var sum: UInt64 = 0
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count == 3, fields[1] == word { sum &+= UInt64(fields[2]) ?? 0 }
        }
        return sum
    }
}
