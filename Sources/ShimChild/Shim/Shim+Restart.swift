internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

/// When a container is started again.
struct ShimRestart {
    /// Starts after the first.
    var count: UInt32 = 0
    var last: ExitRecord?
    private var pause: Int64 = 0
    private var due: Int64?

    private static let shortest: Int64 = 100_000_000
    private static let longest: Int64 = 60_000_000_000
    /// One that ran this long begins with the shortest pause again.
    private static let healthy: Int64 = 10_000_000_000

    /// Milliseconds until it is due; -1 where nothing is.
    var timeout: CInt {
        guard let due else { return -1 }
        return CInt(clamping: (max(0, due - Self.now()) + 999_999) / 1_000_000)
    }

    mutating func schedule(after exit: ExitRecord) {
        count += 1
        last = exit
        pause = exit.endedAt - exit.startedAt > Self.healthy ? Self.shortest : min(max(pause * 2, Self.shortest), Self.longest)
        due = Self.now() + pause
    }

    mutating func clear() { due = nil }

    /// By a clock that nobody sets.
    private static func now() -> Int64 { KernelClock.monotonic() }
}

extension Shim {
    /// Starts the container again later, if its policy says so. The shim does it, so it needs no program.
    func restart(after exit: ExitRecord) -> Bool {
        guard let policy = request.restart, policy.limit == 0 || restart.count < policy.limit,
            policy.always || exit.status != .exited(0)
        else { return false }
        removeCgroups()
        processes[0] = nil
        state = .restarting
        restart.schedule(after: exit)
        tellAll(.restarting(count: restart.count, exit))
        return true
    }

    func relaunch() {
        // The old one still writes what the container wrote at last.
        if logger != nil { return reap() }
        restart.clear()
        // Parking was for the first start.
        request.isParked = false
        launch()
    }

    /// What stood in the way once may not the next time.
    func relaunchFailed() {
        let now = Self.now()
        var exit = restart.last ?? ExitRecord(status: .exited(125), pid: 0, startedAt: now, endedAt: now)
        (exit.status, exit.pid, exit.startedAt, exit.endedAt) = (.exited(125), 0, now, now)
        state = .restarting
        if !restart(after: exit) { conclude(exit) }
    }

    func forbidRestart() {
        request.restart = nil
        request.plan = []
        guard state == .restarting, let last = restart.last else { return }
        restart.clear()
        conclude(last)
    }

    // MARK: the logger

    func startLogger(_ log: LogPlan, _ process: ShimProcess) {
        if process.streams.logged.isEmpty {
            process.streams.logged = [process.streams.output, process.streams.error, process.streams.terminal].compactMap(\.self)
            process.streams.output = nil
            process.streams.error = nil
        }
        logger = try? Logger.start(log, process.streams.logged)
    }

    /// Killed by somebody, it is replaced: the container must not stop for want of a reader.
    func loggerEnded(_ child: ReapedProcess) {
        logger = nil
        guard child.status != .exited(code: 0), state == .running || state == .paused, let log = request.log, let process = processes[0]
        else { return }
        startLogger(log, process)
    }
}
