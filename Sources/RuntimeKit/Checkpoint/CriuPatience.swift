internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// How long criu is waited for: as long as it says or logs something. What it copies may be large, so there is no other limit.
struct CriuPatience: Sendable {
    /// How long it may be silent, and at most twice as long.
    var limit: Duration
    /// Breaks its work off.
    var interruption: Interruption?

    /// Waits until there is something to receive.
    /// - Throws: `Errno.timedOut`, `Errno.canceled`.
    func wait(for socket: borrowing OwnedDescriptor, _ log: FilePath?) throws(Errno) {
        var size = Self.size(log)
        var deadline = ContinuousClock.now + limit
        while true {
            var polled = [
                pollfd(fd: socket.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: interruption?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let rest = max(.zero, deadline - .now) / Duration.milliseconds(1)
            let count = poll(&polled, 2, Int32(clamping: Int64(rest) + 1))
            if count < 0 && errno != EINTR { throw Errno(rawValue: errno) }
            if polled[1].revents != 0 { throw .canceled }
            if polled[0].revents != 0 { return }
            if ContinuousClock.now < deadline { continue }
            let grown = Self.size(log)
            if grown == size { throw .timedOut }
            size = grown
            deadline = .now + limit
        }
    }

    private static func size(_ file: FilePath?) -> Int {
        var status = stat()
        guard let file, stat(file.string, &status) == 0 else { return 0 }
        return Int(status.st_size)
    }
}

extension Duration {
    /// Whole seconds.
    var seconds: Int64 { components.seconds }
}
