internal import LinuxSystem

/// How a container's first process, or one of exec, ended, and what it used. Facts of the cgroup are taken before it
/// is removed.
package struct ExitRecord: Sendable, Hashable {
    package enum Status: Sendable, Hashable {
        case exited(Int32)
        case signaled(Int32, coreDumped: Bool)
        /// Killed by the kernel for want of memory in the container's own cgroup.
        case outOfMemory
        /// The shim died first; nobody saw the end.
        case supervisorLost
    }

    package var status: Status
    /// Process id on the host.
    package var pid: Int32
    /// Nanoseconds since 1970.
    package var startedAt: Int64
    package var endedAt: Int64
    package var userMicroseconds: Int64
    package var systemMicroseconds: Int64
    package var peakResidentKiB: Int64
    /// Of the cgroup; -1 where unknown.
    package var cpuMicroseconds: Int64
    package var memoryPeakBytes: Int64
    package var pidsPeak: Int64
    package var ioReadBytes: Int64 = -1
    package var ioWrittenBytes: Int64 = -1

    package init(status: Status, pid: Int32, startedAt: Int64, endedAt: Int64) {
        self.status = status
        self.pid = pid
        self.startedAt = startedAt
        self.endedAt = endedAt
        userMicroseconds = 0
        systemMicroseconds = 0
        peakResidentKiB = 0
        cpuMicroseconds = -1
        memoryPeakBytes = -1
        pidsPeak = -1
    }

    func encode(_ writer: inout FrameWriter) {
        switch status {
        case .exited(let code):
            writer.append(UInt8(0))
            writer.append(code)
        case .signaled(let signal, let coreDumped):
            writer.append(UInt8(coreDumped ? 2 : 1))
            writer.append(signal)
        case .outOfMemory:
            writer.append(UInt8(3))
            writer.append(Int32(0))
        case .supervisorLost:
            writer.append(UInt8(4))
            writer.append(Int32(0))
        }
        writer.append(pid)
        for value in [
            startedAt, endedAt, userMicroseconds, systemMicroseconds, peakResidentKiB, cpuMicroseconds, memoryPeakBytes, pidsPeak,
        ] { writer.append(value) }
        // Last, and only where known: the record of a shim that is older than these has none.
        if ioReadBytes < 0 && ioWrittenBytes < 0 { return }
        writer.append(ioReadBytes)
        writer.append(ioWrittenBytes)
    }

    init(_ reader: inout FrameReader) throws(FrameError) {
        let kind: UInt8 = try reader.read()
        let value: Int32 = try reader.read()
        switch kind {
        case 0: status = .exited(value)
        case 1, 2: status = .signaled(value, coreDumped: kind == 2)
        // One form for one meaning.
        case 3 where value == 0: status = .outOfMemory
        case 4 where value == 0: status = .supervisorLost
        default: throw .invalidValue
        }
        pid = try reader.read()
        startedAt = try reader.read()
        endedAt = try reader.read()
        userMicroseconds = try reader.read()
        systemMicroseconds = try reader.read()
        peakResidentKiB = try reader.read()
        cpuMicroseconds = try reader.read()
        memoryPeakBytes = try reader.read()
        pidsPeak = try reader.read()
        if reader.remaining == 0 { return }
        ioReadBytes = try reader.read()
        ioWrittenBytes = try reader.read()
        if ioReadBytes < 0 && ioWrittenBytes < 0 { throw .invalidValue }
    }
}

extension ExitRecord {
    /// The record as JSON, one line. Only numbers and fixed words: nothing needs escaping.
    package func json(bootID: String) -> String {
        let (kind, value): (String, Int32) =
            switch status {
            case .exited(let code): ("exited", code)
            case .signaled(let signal, false): ("signaled", signal)
            case .signaled(let signal, true): ("dumped", signal)
            case .outOfMemory: ("outOfMemory", 0)
            case .supervisorLost: ("supervisorLost", 0)
            }
        return "{\"version\":1,\"bootID\":\"\(bootID)\",\"status\":\"\(kind)\",\"value\":\(value),\"pid\":\(pid),"
            + "\"startedAt\":\(startedAt),\"endedAt\":\(endedAt),\"userMicroseconds\":\(userMicroseconds),"
            + "\"systemMicroseconds\":\(systemMicroseconds),\"peakResidentKiB\":\(peakResidentKiB),"
            + "\"cpuMicroseconds\":\(cpuMicroseconds),\"memoryPeakBytes\":\(memoryPeakBytes),\"pidsPeak\":\(pidsPeak),"
            + "\"ioReadBytes\":\(ioReadBytes),\"ioWrittenBytes\":\(ioWrittenBytes)}\n"
    }
}
