public import OCIModel
public import SystemPackage

/// What a user wants of a container beyond what its image says. Every field is enforced or refused.
public struct BundleOptions: Sendable, Hashable {
    /// Replaces the image's command; nil keeps it. An entrypoint of the image stays in front.
    public var command: [String]?
    /// Replaces the image's entrypoint, and drops its command, as Docker does; empty means none.
    public var entrypoint: [String]?
    /// Added to the image's environment, or replacing what has the same name.
    public var environment: [String: String] = [:]
    /// `user`, `user:group`, names or ids; nil is the image's.
    public var user: String?
    /// Groups besides the user's own, names or ids.
    public var additionalGroups: [String] = []
    /// Absolute path inside, made when it is missing; nil is the image's, else `/`.
    public var workingDirectory: String?
    /// Whether standard streams are a terminal. Sets TERM=xterm unless the environment has one.
    public var terminal = false
    /// Host name; nil is the first twelve characters of the container's id.
    public var hostname: String?
    /// The root file system cannot be written.
    public var readOnlyRoot = false
    /// Mounts besides the default ones. One with the destination of a default replaces it.
    public var mounts: [BundleMount] = []
    /// Bytes of /dev/shm. 64 MiB by default.
    public var sharedMemorySize: UInt64 = 64 << 20
    /// Limits of the cgroup.
    public var resources = BundleResources()
    /// Capabilities, system calls, privileges.
    public var security = BundleSecurity()
    /// What it sees of the network.
    public var network = BundleNetwork.none
    /// Limits of setrlimit(2): none by default.
    public var resourceLimits: [RuntimeConfiguration.ResourceLimit] = []
    /// Namespaced kernel parameters. In a network namespace of its own every user may listen on ports below 1024 and ping by default, as
    /// Docker sets it (`net.ipv4.ip_unprivileged_port_start`, `net.ipv4.ping_group_range`); what is given here wins.
    public var sysctls: [String: String] = [:]
    /// Score added to the out-of-memory killer's, -1000…1000. 0 by default.
    public var oomScoreAdjustment = 0
    /// Asks the container to stop; nil is the image's, else SIGTERM.
    public var stopSignal: Signal?
    /// Labels, which become annotations beside the image's; a label of the same name wins.
    public var labels: [String: String] = [:]
    /// Annotations as they are; they win over labels.
    public var annotations: [String: String] = [:]

    public init() {}
}

/// A mount that a user asks for.
public enum BundleMount: Sendable, Hashable {
    /// A file or directory of the host, with what is mounted below it.
    case bind(source: FilePath, destination: String, readOnly: Bool = false)
    /// A fresh tmpfs. `size` in bytes; nil is half of the memory. `mode` is 01777 by default.
    case temporary(destination: String, size: UInt64? = nil, mode: UInt32 = 0o1777)

    /// Where it lies inside.
    public var destination: String {
        switch self {
        case .bind(_, let destination, _), .temporary(let destination, _, _): destination
        }
    }
}

/// Network of a container.
public enum BundleNetwork: Sendable, Hashable {
    /// A network namespace of its own with nothing but loopback.
    case none
    /// The host's network.
    case host
    /// An existing network namespace, by path.
    case namespace(FilePath)
}

/// Limits of the cgroup; nil is no limit.
public struct BundleResources: Sendable, Hashable {
    /// Bytes of memory.
    public var memory: UInt64?
    /// Bytes of memory and swap together, as Docker counts; -1 is no limit on swap. Nil with `memory` is twice the memory.
    public var memorySwap: Int64?
    /// Bytes that reclaim aims at (memory.low on v2).
    public var memoryReservation: UInt64?
    /// Processors, with fractions: 1.5 is 150 ms of each 100 ms.
    public var cpus: Double?
    /// Relative weight, 2…262144; 1024 is usual.
    public var cpuShares: UInt64?
    /// Processors by number, `0-3,7`.
    public var cpusetCPUs: String?
    /// NUMA nodes by number.
    public var cpusetMemory: String?
    /// Processes and threads.
    public var pids: Int64?
    /// Relative weight of input and output, 10…1000.
    public var ioWeight: UInt16?
    /// Limits of single devices.
    public var ioThrottle = IOThrottle()

    /// Limits of input and output by device.
    public struct IOThrottle: Sendable, Hashable {
        /// Bytes a second.
        public var readBytes: [RuntimeConfiguration.ThrottleDevice] = []
        public var writeBytes: [RuntimeConfiguration.ThrottleDevice] = []
        /// Operations a second.
        public var readOperations: [RuntimeConfiguration.ThrottleDevice] = []
        public var writeOperations: [RuntimeConfiguration.ThrottleDevice] = []

        public init() {}
    }

    public init() {}
}

/// How a container is confined.
public struct BundleSecurity: Sendable, Hashable {
    /// Which system calls are allowed.
    public enum SystemCalls: Sendable, Hashable {
        /// Docker's default profile, under the conditions on capabilities, architecture and kernel.
        case standard
        /// All.
        case unconfined
        case custom(RuntimeConfiguration.Seccomp)
    }

    /// Capabilities besides the default ones, with or without `CAP_`; `ALL` is all that are known.
    public var addedCapabilities: [String] = []
    /// Taken from the default ones; `ALL` takes all, and additions count after it.
    public var droppedCapabilities: [String] = []
    public var systemCalls = SystemCalls.standard
    /// No program inside gains privileges by set-user-id or file capabilities. On by default, unlike Docker's: turn it off for images
    /// that use sudo, su or ping with file capabilities as another user than root.
    public var noNewPrivileges = true

    public init() {}
}
