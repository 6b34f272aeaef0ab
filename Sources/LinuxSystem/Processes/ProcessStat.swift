internal import CLinux

/// What /proc/<pid>/stat says of a process. See: man 5 proc_pid_stat.
package struct ProcessStat: Sendable, Hashable {
    /// Field 3: `R`, `S`, `Z`, …
    package let state: UInt8
    /// Field 4, 0 where the parent is not in this pid namespace.
    package let parent: CInt
    /// Field 9: `PF_…`.
    package let flags: UInt64
    /// Field 22, ticks since boot: together with the pid it names one process of this boot.
    package let startTime: UInt64

    /// - Returns: nil where there is no such process, or no /proc.
    package init?(_ pid: CInt) {
        guard let bytes = try? OwnedDescriptor.open("/proc/\(pid)/stat", flags: O_RDONLY).readAll(limit: 4096),
            let end = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        // The name before may hold anything; the first of these is field 3.
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        func number(_ field: Int) -> UInt64? { UInt64(String(decoding: fields[field - 3], as: UTF8.self)) }
        guard fields.count > 19, let state = fields[0].first, let parent = number(4), let flags = number(9), let startTime = number(22)
        else { return nil }
        self.state = state
        self.parent = CInt(truncatingIfNeeded: parent)
        self.flags = flags
        self.startTime = startTime
    }

    /// It has ended, whether or not somebody has waited for it.
    package var hasEnded: Bool { state == UInt8(ascii: "Z") || state == UInt8(ascii: "X") }
}
