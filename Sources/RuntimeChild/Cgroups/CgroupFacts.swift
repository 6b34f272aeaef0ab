internal import LinuxSystem

/// What a container used, read from its cgroups before they are removed. Nil where no controller counts it.
package struct CgroupFacts: Sendable, Hashable {
    /// Processes that the OOM killer ended in this cgroup.
    package var oomKills: UInt64?
    package var cpuMicroseconds: UInt64?
    package var memoryPeakBytes: UInt64?
    package var pidsPeak: UInt64?
    package var ioReadBytes: UInt64?
    package var ioWrittenBytes: UInt64?

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
                facts.readBlockIO("io.stat", directory)
            } else {
                facts.oomKills = facts.oomKills ?? entry("oom_kill", of: "memory.oom_control", directory)
                facts.cpuMicroseconds =
                    facts.cpuMicroseconds ?? number(in: "cpuacct.usage", directory).map { $0 / 1000 }
                facts.memoryPeakBytes = facts.memoryPeakBytes ?? number(in: "memory.max_usage_in_bytes", directory)
                facts.pidsPeak = facts.pidsPeak ?? number(in: "pids.peak", directory)
                facts.readBlockIO("blkio.throttle.io_service_bytes", directory)
            }
        }
        return facts
    }

    /// Lines of v2 read `8:0 rbytes=1 wbytes=2 …`, those of v1 `8:0 Read 1`.
    private mutating func readBlockIO(_ file: String, _ directory: CInt) {
        guard let bytes = try? ControlFile.read(file, in: directory) else { return }
        var (read, written): (UInt64, UInt64) = (0, 0)
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            for word in words {
                if word.hasPrefix("rbytes=") { read += UInt64(word.dropFirst(7)) ?? 0 }
                if word.hasPrefix("wbytes=") { written += UInt64(word.dropFirst(7)) ?? 0 }
            }
            guard words.count == 3 else { continue }
            if words[1] == "Read" { read += UInt64(words[2]) ?? 0 }
            if words[1] == "Write" { written += UInt64(words[2]) ?? 0 }
        }
        ioReadBytes = read
        ioWrittenBytes = written
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
