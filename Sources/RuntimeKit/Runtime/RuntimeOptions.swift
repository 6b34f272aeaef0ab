public import OCIModel
public import SystemPackage

/// How a container is created.
public struct RuntimeCreateOptions: Sendable, Hashable {
    /// Directory with config.json; relative paths in it start here. The working directory by default.
    public var bundle: FilePath = "."
    /// File that gets the pid of the first process, in decimal, once it exists.
    public var pidFile: FilePath?
    /// Unix socket that gets the master of the container's terminal (SCM_RIGHTS).
    public var consoleSocket: FilePath?
    /// Unix socket that gets a pidfd of the first process (SCM_RIGHTS).
    public var pidfdSocket: FilePath?
    /// How many of this process's descriptors, from 3 on, the program is handed.
    public var preservedDescriptors: UInt32 = 0
    /// Whether chroot(2) may stand in where pivot_root(2) cannot work, on an initial ramfs. Less is kept out then.
    public var mayChroot = false
    /// Whether the program stays in the session keyring of this process.
    public var keepsSessionKeyring = false

    /// The defaults.
    public init() {}
}

/// How a further process is started in a container.
public struct RuntimeExecOptions: Sendable, Hashable {
    /// The process.
    public var process: RuntimeConfiguration.Process
    /// File that gets its pid, in decimal.
    public var pidFile: FilePath?
    /// Unix socket that gets the master of its terminal (SCM_RIGHTS).
    public var consoleSocket: FilePath?
    /// Unix socket that gets a pidfd of it (SCM_RIGHTS).
    public var pidfdSocket: FilePath?
    /// How many of this process's descriptors, from 3 on, the program is handed.
    public var preservedDescriptors: UInt32 = 0
    /// Whether to start it in a paused container, where it begins when that is resumed: this call waits until then.
    public var ignoresPause = false
    /// Cgroups below the container's that it is put into, by controller: paths of directories that are there (`/workers`). On cgroup v2,
    /// which has one tree, the key is empty. A controller that is not named leaves it in the container's own.
    public var subCgroups: [String: String] = [:]

    /// The defaults.
    public init(process: RuntimeConfiguration.Process) { self.process = process }
}
