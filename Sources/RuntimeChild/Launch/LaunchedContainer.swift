package import LinuxSystem

/// A process that the launcher made, a child of the caller, who waits for it.
package struct LaunchedProcess: Sendable {
    /// In the caller's pid namespace.
    package let pid: CInt
    /// Its pidfd. `hostPid()` of it tells the number that /proc shows.
    package let descriptor: SharedDescriptor
    /// The pty master of a process with a terminal.
    package let terminal: SharedDescriptor?

    package init(pid: CInt, descriptor: SharedDescriptor, terminal: SharedDescriptor?) {
        self.pid = pid
        self.descriptor = descriptor
        self.terminal = terminal
    }
}

/// A container whose first process runs, or is parked before its execve.
package struct LaunchedContainer: Sendable {
    package let process: LaunchedProcess
    /// In the order of the plan.
    package let cgroups: [ContainerCgroup]
    /// `CLONE_NEW…` of the namespaces that are not the launcher's own.
    package let namespaces: UInt64
    /// The root of the container's mount tree: where openat2(RESOLVE_IN_ROOT) of copy starts. Nil for a plan without
    /// `attachRoot`. It keeps the file system mounted until it is let go, so that the tree of a stopped container can
    /// be read; let it go before the directories of the container are removed.
    package let root: SharedDescriptor?

    package init(
        process: LaunchedProcess, cgroups: [ContainerCgroup], namespaces: UInt64, root: SharedDescriptor?
    ) {
        self.process = process
        self.cgroups = cgroups
        self.namespaces = namespaces
        self.root = root
    }
}

/// One cgroup directory of a container.
package struct ContainerCgroup: Sendable {
    package let path: String
    package let isUnified: Bool
    package let directory: SharedDescriptor

    package init(path: String, isUnified: Bool, directory: SharedDescriptor) {
        self.path = path
        self.isUnified = isUnified
        self.directory = directory
    }
}
