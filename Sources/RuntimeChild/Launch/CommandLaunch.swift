package import LinuxSystem

/// What a launch by an OCI runtime command has besides its plan. Such a process is left to whoever reaps the command's orphans: it
/// does not die with its launcher.
package struct CommandLaunch: Sendable {
    /// A FIFO, open for reading and writing: the process reads one byte of it before its filter and execve, long after the launcher
    /// is gone. Nil goes on as soon as the launcher says so.
    package var startGate: SharedDescriptor?
    /// How many descriptors from 3 on the program is handed.
    package var preservedDescriptors: UInt32 = 0
    /// Stay in the caller's session keyring.
    package var keepsSessionKeyring = false
    /// Change the root by chroot(2) where pivot_root(2) cannot: on an initial ramfs. What was mounted before stays reachable for
    /// whoever may mount.
    package var mayChroot = false

    package init() {}
}
