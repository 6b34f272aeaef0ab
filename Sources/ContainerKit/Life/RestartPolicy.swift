internal import ShimChild

/// Whether a container is started again when it has ended.
///
/// Its supervisor starts it, after a pause of 100 milliseconds that doubles up to a minute and begins anew once it ran for ten seconds. So
/// it needs no program, and goes on when the one that made it is gone. What ends the supervisor (a reboot, somebody's SIGKILL) ends this:
/// the next engine that opens the root then starts containers with `always` and `unlessStopped` again.
/// `Container.stop` and `delete` end a container for good; `wait` returns when it is not started again.
public enum RestartPolicy: Sendable, Hashable, Codable {
    /// It stays ended.
    case never
    /// After any end but exit code 0; at most this many times, nil for no limit.
    case onFailure(atMost: Int? = nil)
    /// After any end, and after its supervisor was lost even if it had been stopped.
    case always
    /// After any end; one that was stopped stays so.
    case unlessStopped

    var plan: RestartPlan? {
        switch self {
        case .never: nil
        case .onFailure(let most): RestartPlan(always: false, limit: UInt32(clamping: most ?? 0))
        case .always, .unlessStopped: RestartPlan(always: true, limit: 0)
        }
    }
}
