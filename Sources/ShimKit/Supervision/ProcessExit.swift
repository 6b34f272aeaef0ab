internal import OCIModel
package import ShimChild

/// The end of a container's process and what it used.
public struct ProcessExit: Sendable, Hashable {
    public var status: ExitStatus
    /// Whether a core was dumped.
    public var coreDumped: Bool
    /// Since 1970, by the system's clock.
    public var startedAt: Duration
    public var endedAt: Duration
    /// Processor time of the process itself and its waited-for children.
    public var userTime: Duration
    public var systemTime: Duration
    /// The largest resident set of one process, in bytes.
    public var peakResidentBytes: Int64
    /// Of the container's cgroup, over its whole life; nil where the kernel does not tell, and for exec.
    public var cpuTime: Duration?
    public var peakMemoryBytes: Int64?
    public var peakProcessCount: Int64?
    /// Bytes read from and written to block devices.
    public var readBytes: Int64?
    public var writtenBytes: Int64?

    package init(_ record: ExitRecord) {
        var dumped = false
        switch record.status {
        case .exited(let code): status = .exited(code)
        case .signaled(let signal, let coreDumped):
            status = .signaled(Signal(rawValue: signal))
            dumped = coreDumped
        case .outOfMemory: status = .outOfMemory
        case .supervisorLost: status = .supervisorLost
        }
        coreDumped = dumped
        startedAt = .nanoseconds(record.startedAt)
        endedAt = .nanoseconds(record.endedAt)
        userTime = .microseconds(record.userMicroseconds)
        systemTime = .microseconds(record.systemMicroseconds)
        peakResidentBytes = record.peakResidentKiB * 1024
        cpuTime = record.cpuMicroseconds < 0 ? nil : .microseconds(record.cpuMicroseconds)
        peakMemoryBytes = record.memoryPeakBytes < 0 ? nil : record.memoryPeakBytes
        readBytes = record.ioReadBytes < 0 ? nil : record.ioReadBytes
        writtenBytes = record.ioWrittenBytes < 0 ? nil : record.ioWrittenBytes
        peakProcessCount = record.pidsPeak < 0 ? nil : record.pidsPeak
    }
}
