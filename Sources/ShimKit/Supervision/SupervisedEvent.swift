/// What happens to a container.
package enum SupervisedEvent: Sendable {
    case started(pid: Int32)
    case exited(ProcessExit)
    /// It ended, and its shim starts it again.
    case restarting(count: Int, ProcessExit)
    case paused
    case resumed
}
