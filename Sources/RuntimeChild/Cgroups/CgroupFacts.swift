internal import LinuxSystem

/// What a container used, read from its cgroups before they are removed. Nil where no controller counts it.
package struct CgroupFacts: Sendable, Hashable {
    /// Processes that the OOM killer ended in this cgroup.
    package var oomKills: UInt64?
    package var cpuMicroseconds: UInt64?
    package var memoryPeakBytes: UInt64?
    package var pidsPeak: UInt64?

    package init() {}

    package static func read(_ cgroups: [ContainerCgroup]) -> CgroupFacts {
        var facts = CgroupFacts()
        for cgroup in cgroups {
            let directory = cgroup.directory.rawValue
            if cgroup.isUnified {
                facts.oomKills = facts.oomKills ?? entry("oom_kill", of: "memory.events", directory)
                facts.cpuMicroseconds = entry("usage_usec", of: "cpu.stat", directory) ?? facts.cpuMicroseconds
                facts.memoryPeakBytes = facts.memoryPeakBytes ?? number(in: "memory.peak", directory)
                facts.pidsPeak = facts.pidsPeak ?? number(in: "pids.peak", directory)
            } else {
                facts.oomKills = facts.oomKills ?? entry("oom_kill", of: "memory.oom_control", directory)
                facts.cpuMicroseconds =
                    facts.cpuMicroseconds ?? number(in: "cpuacct.usage", directory).map { $0 / 1000 }
                facts.memoryPeakBytes = facts.memoryPeakBytes ?? number(in: "memory.max_usage_in_bytes", directory)
                facts.pidsPeak = facts.pidsPeak ?? number(in: "pids.peak", directory)
            }
        }
        return facts
    }

    private static func number(in file: String, _ directory: CInt) -> UInt64? {
        guard let bytes = try? ControlFile.read(file, in: directory) else { return nil }
        return UInt64(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// The value behind `key` in a flat-keyed file.
    private static func entry(_ key: String, of file: String, _ directory: CInt) -> UInt64? {
        guard let bytes = try? ControlFile.read(file, in: directory) else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "))
            if words.count == 2, words[0].elementsEqual(key.utf8) {
                return UInt64(String(decoding: words[1], as: UTF8.self))
            }
        }
        return nil
    }
}
