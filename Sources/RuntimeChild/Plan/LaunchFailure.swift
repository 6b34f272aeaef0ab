package import SystemPackage

/// Where a launch can fail. The number travels; the text is made on the host side.
package enum LaunchPhase: UInt32, Sendable, CaseIterable {
    case decodePlan = 0
    case makeCgroup, writeCgroup, deviceFilter
    case prepareTree
    case clone
    case writeIDMaps
    case enterCgroup, joinNamespace, unshareCgroup, timeOffsets, sessionKeyring
    /// One of the plan's steps; `index` says which.
    case step
    case terminal, standardStreams, closeDescriptors
    case limits, oomScore, scheduler, ioPriority, personality, affinity, label
    case workingDirectory, executable
    case groups, ids, capabilities, noNewPrivileges, seccomp
    case parked
    case exec
    /// The child died before execve without saying why: a signal (SIGSYS of a filter, the OOM killer).
    case died
    /// The child trapped: a bug of ours.
    case crashed
    /// A hook that runs in the launcher's namespaces.
    case runtimeHook
    /// A hook in the container: `index` says which, `errno` or `signal` why.
    case containerHook, startHook
    case memoryPolicy
    /// The descriptor of the filter cannot be handed to its listener.
    case seccompListener
    /// An interface of the host cannot be moved into the container: `index` says which.
    case netDevice
    /// The process that supervises cannot leave the cgroup of the program that made it: `index` says at what, see `TransientScope`.
    case scope
}

/// Why there is no process: phase, index within it (which tree, step, write, limit), errno, and the signal for `died`.
package struct LaunchFailure: Error, Sendable, Hashable {
    package var phase: LaunchPhase
    /// Which one: the directory (makeCgroup, deviceFilter, enterCgroup), the write counted over all directories in order
    /// (writeCgroup), the tree (prepareTree), the entry of `joined` (joinNamespace), the step (step), the entry of `limits`
    /// (limits); else 0.
    package var index: UInt32
    package var errno: Errno
    package var signal: Int32

    package init(_ phase: LaunchPhase, index: UInt32 = 0, errno: Errno, signal: Int32 = 0) {
        self.phase = phase
        self.index = index
        self.errno = errno
        self.signal = signal
    }
}
