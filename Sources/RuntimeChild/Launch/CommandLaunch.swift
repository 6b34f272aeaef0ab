package import LinuxSystem

/// What a launch by an OCI runtime command has besides its plan. Such a process is left to whoever reaps the command's orphans: it
/// does not die with its launcher.
package struct CommandLaunch: Sendable {
    /// A FIFO, open for reading and writing: the process reads one byte of it before its filter and execve, long after the launcher
    /// is gone. Nil goes on as soon as the launcher says so.
    package var startGate: SharedDescriptor?
    /// How many descriptors from 3 on the program is handed.
    package var preservedDescriptors: UInt32 = 0
    /// Whether the launcher ignores more signals than SIGPIPE, which is set back in any case: the program ignores none.
    package var resetsSignals = false
    /// Stay in the caller's session keyring.
    package var keepsSessionKeyring = false
    /// Change the root by chroot(2) where pivot_root(2) cannot: on an initial ramfs. What was mounted before stays reachable for
    /// whoever may mount.
    package var mayChroot = false
    /// Called in the launcher's process when the container's mounts are made and its root is not changed yet; false ends the launch
    /// with `.runtimeHook`.
    package var runtimeHooks: (@Sendable (LaunchedProcess) -> Bool)?
    /// Run by the child before it changes its root.
    package var containerHooks: [HookPlan] = []
    /// Run by the child between the start and its filter.
    package var startHooks: [HookPlan] = []
    /// The state that the child's hooks get, before and after the pid, which is known only when the child is there.
    package var hookState = (before: "", after: "")

    var hasHooks: Bool { runtimeHooks != nil || !containerHooks.isEmpty || !startHooks.isEmpty }

    package init() {}
}
