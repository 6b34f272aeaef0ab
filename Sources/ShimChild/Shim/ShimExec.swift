internal import RuntimeChild

/// An exec whose process is there and has not executed its program: it may be held up in the container, and nobody else waits for it.
final class ShimExec {
    /// The number of the process to come.
    let id: UInt32
    let starting: StartingProcess
    let streams: ShimStreams
    let hostPid: Int32
    let startedAt: Int64
    /// Whom to answer, and the id of the command.
    let peer: ShimPeer
    let command: UInt64

    init(
        id: UInt32, _ starting: StartingProcess, streams: ShimStreams, hostPid: Int32, startedAt: Int64, peer: ShimPeer, command: UInt64
    ) {
        self.id = id
        self.starting = starting
        self.streams = streams
        self.hostPid = hostPid
        self.startedAt = startedAt
        self.peer = peer
        self.command = command
    }
}

/// An exec that failed as those do whose container ends. Whether it does shows a moment later, and decides what is answered.
struct FailedExec {
    let failure: LaunchFailure
    let peer: ShimPeer
    let command: UInt64
    /// By the monotonic clock, in nanoseconds.
    let until: Int64
}
