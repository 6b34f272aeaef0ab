package import LinuxSystem
internal import Synchronization

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
    private let state = Mutex(State())

    private struct State {
        var exit: RoleExit?
        var waiters: [UInt64: CheckedContinuation<RoleExit?, Never>] = [:]
        var nextWaiter: UInt64 = 0
    }

    init(pid: CInt, descriptor: SharedDescriptor) {
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Waits for the end. Any number of tasks may wait.
    /// - Throws: `CancellationError`; the process goes on.
    package func wait() async throws(CancellationError) -> RoleExit {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let exit = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<RoleExit?, Never>) in
                let isWaiting = state.withLock { state in
                    guard state.exit == nil, !Task.isCancelled else { return false }
                    state.waiters[id] = continuation
                    return true
                }
                if !isWaiting { continuation.resume(returning: self.exit) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(returning: nil)
        }
        guard let exit else { throw CancellationError() }
        return exit
    }

    /// The exit, when it is known.
    package var exit: RoleExit? { state.withLock { $0.exit } }

    func end(_ exit: RoleExit) {
        let waiters = state.withLock { state -> [CheckedContinuation<RoleExit?, Never>] in
            guard state.exit == nil else { return [] }
            state.exit = exit
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }
}
