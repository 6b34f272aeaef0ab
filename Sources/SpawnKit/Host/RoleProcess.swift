package import LinuxSystem

/// How a role ended.
package enum RoleExit: Sendable, Hashable {
    case ended(ProcessStatus)
    /// The spawner, its parent, ended first: nobody knows its status, and it may still run.
    case lost
}

/// A fork of the spawner.
package final class RoleProcess: Sendable {
    /// Process id in the spawner's pid namespace, which is the host's.
    package let pid: CInt
    /// A pidfd: readable when the process has ended.
    package let descriptor: SharedDescriptor
    private let outcome = Outcome<RoleExit>()

    init(pid: CInt, descriptor: SharedDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Waits for the end. Any number of tasks may wait.
    /// - Throws: `CancellationError`; the process goes on.
    package func wait() async throws(CancellationError) -> RoleExit { try await outcome.value() }

    /// The exit, when it is known.
    package var exit: RoleExit? { outcome.resolved }

    func end(_ exit: RoleExit) { outcome.resolve(exit) }
}
