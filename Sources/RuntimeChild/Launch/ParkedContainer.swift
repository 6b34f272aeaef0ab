internal import LinuxSystem

/// A container whose first process waits before its filter and execve. Let go without a start, it is taken back.
package final class ParkedContainer {
    package let container: LaunchedContainer
    private var supervision: LaunchSupervision
    private var isParked: Bool

    init(_ container: LaunchedContainer, _ supervision: LaunchSupervision, isParked: Bool) {
        let process = container.process
        self.container = LaunchedContainer(
            process: LaunchedProcess(pid: process.pid, descriptor: process.descriptor, terminal: supervision.terminal),
            cgroups: container.cgroups, namespaces: container.namespaces, root: container.root)
        self.supervision = supervision
        self.isParked = isParked
    }

    deinit { abandon() }

    /// Lets the program begin; returns when execve has worked. Does nothing the second time.
    /// - Throws: why it did not; everything is taken back then.
    package func start() throws(LaunchFailure) {
        guard isParked else { return }
        isParked = false
        supervision.release()
        do throws(LaunchFailure) {
            try supervision.proceed(parks: false)
        } catch {
            try? CgroupRemoval.remove(container.cgroups)
            throw error
        }
    }

    /// Lets the process go on to its start gate, where it waits for whoever opens that, and leaves it alone from here on.
    package func leave() {
        guard isParked else { return }
        isParked = false
        supervision.release()
    }

    /// Ends a process that was not started, and removes its cgroups.
    package func abandon() {
        guard isParked else { return }
        isParked = false
        supervision.end()
        try? CgroupRemoval.remove(container.cgroups)
    }
}
