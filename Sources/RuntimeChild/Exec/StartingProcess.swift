package import LinuxSystem

/// A process of exec between its birth and its execve.
///
/// It is in the container already, where others may stop it for as long as they like: who has more to do than to wait for it looks at it
/// when its socket can be read.
package final class StartingProcess {
    private var supervision: LaunchSupervision

    init(_ supervision: LaunchSupervision) { self.supervision = supervision }

    /// Without a terminal yet.
    package var process: LaunchedProcess { supervision.process }

    /// Readable when it got further.
    package var socket: SharedDescriptor { supervision.setup }

    /// Follows it as far as it has got.
    /// - Parameter waits: whether to wait until it gets further.
    /// - Returns: the process, once it has executed its program; nil before that.
    /// - Throws: why there is no program; the process is reaped then.
    package func advance(waits: Bool) throws(LaunchFailure) -> LaunchedProcess? {
        guard try supervision.proceed(parks: false, waits: waits) else { return nil }
        return LaunchedProcess(pid: process.pid, descriptor: process.descriptor, terminal: supervision.terminal)
    }

    /// Kills and reaps it.
    package func end() { supervision.end() }
}
