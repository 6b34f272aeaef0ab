internal import CLinux
internal import LinuxSystem

/// A process that the shim supervises: the container's first, or one of exec.
final class ShimProcess {
    /// 0 is the first.
    let id: UInt32
    /// In the shim's pid namespace: what waitid reports.
    let pid: CInt
    let hostPid: Int32
    let descriptor: SharedDescriptor
    var streams: ShimStreams
    /// Who reads the streams.
    var reader: (peer: ShimPeer, holder: Int32)?
    let startedAt: Int64
    var hasEnded = false

    /// Whether it has ended, reaped or not: its pidfd says so.
    var isOver: Bool {
        var polled = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        if hasEnded { return true }
        return unsafe poll(&polled, 1, 0) > 0
    }

    init(id: UInt32, pid: CInt, hostPid: Int32, descriptor: SharedDescriptor, streams: ShimStreams, startedAt: Int64) {
        self.id = id
        self.pid = pid
        self.hostPid = hostPid
        self.descriptor = descriptor
        self.streams = streams
        self.startedAt = startedAt
    }
}
