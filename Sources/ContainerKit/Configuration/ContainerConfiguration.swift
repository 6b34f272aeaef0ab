public import BundleKit
public import OCIModel
public import SystemPackage

/// What a container runs, what it sees and what it may use. Every field is enforced, or refused before anything is made.
public struct ContainerConfiguration: Sendable, Hashable {
    /// Its name, which is its id too: unique below one engine root. Nil, the default, makes a random one.
    public var name: ContainerID?
    /// What runs: replaces the image's command, behind the image's entrypoint. Nil keeps the image's.
    public var command: [String]?
    /// Replaces the image's entrypoint, and drops its command; empty means none. Nil keeps the image's.
    public var entrypoint: [String]?
    /// Added to the image's environment, or replacing what has the same name.
    public var environment: [String: String] = [:]
    /// `user`, `user:group`, names or ids of the image's account files; nil is the image's, else root.
    public var user: String?
    /// Groups besides the user's own, names or ids.
    public var additionalGroups: [String] = []
    /// Absolute path inside, made when it is missing; nil is the image's, else `/`.
    public var workingDirectory: String?
    /// Host name inside; nil is the first twelve characters of the id.
    public var hostname: String?
    /// Whether its standard streams are a terminal. Then standard error arrives with standard output.
    public var terminal = false
    /// Rows and columns of the terminal at its start; nil leaves 0.
    public var terminalSize: TerminalSize?
    /// The root file system cannot be written.
    public var readOnlyRoot = false
    /// Mounts besides the default ones. One with the destination of a default replaces it.
    public var mounts: [Mount] = []
    /// Size of /dev/shm. 64 MiB by default.
    public var sharedMemorySize = ByteCount.mebibytes(64)
    /// Limits of its cgroup; none by default.
    public var resources = Resources()
    /// Limits of setrlimit(2); the kernel's defaults unless given.
    public var resourceLimits: [RuntimeConfiguration.ResourceLimit] = []
    /// Capabilities, system calls, privileges: Docker's defaults, and no_new_privs.
    public var security = BundleSecurity()
    /// What it sees of the network: nothing but loopback by default.
    public var network = Network.none
    /// Namespaced kernel parameters. In a network namespace of its own every user may listen on ports below 1024 and ping by default, as
    /// Docker sets it (`net.ipv4.ip_unprivileged_port_start`, `net.ipv4.ping_group_range`); what is given here wins.
    public var sysctls: [String: String] = [:]
    /// Score added to the out-of-memory killer's, -1000…1000.
    public var oomScoreAdjustment = 0
    /// Asks it to stop; nil is the image's, else SIGTERM.
    public var stopSignal: Signal?
    /// How long a stop waits before it kills. Ten seconds by default.
    public var stopGracePeriod = Duration.seconds(10)
    /// Labels, kept with the container beside the image's.
    public var labels: [String: String] = [:]
    /// What it reads from standard input.
    public var standardInput = StandardInput.empty
    /// Where its output goes.
    public var output = Output.automatic
    /// Bytes that `Output.file` keeps: what came before them is given back to the file system. 64 MiB by default.
    public var outputFileSize = ByteCount.mebibytes(64)
    /// Whether it is started again when it has ended; its supervisor does that, no program has to run for it.
    public var restart = RestartPolicy.never
    /// By when it has to be ready after a start, or it is killed and the start throws `.notReady`. None by default; refused with `run`.
    public var startDeadline: StartDeadline?
    /// How to ask whether it is well; nil takes the image's HEALTHCHECK, and `HealthCheck.none` asks nothing.
    public var healthCheck: HealthCheck?
    /// Process 1 is an init of this package instead of the program: it reaps orphans, hands signals on and ends with the program's code
    /// (128 + the signal for one that a signal ended). No binary of the image is needed. Refused with CAP_SYS_PTRACE.
    public var reapsChildren = false
    /// Whether it outlives the program.
    public var life = Life.throwaway
    /// Whether other programs may list it with its details, attach and exec: true for durable ones whatever this says.
    public var isShared = false
    /// Everything of it is removed as soon as it ends, its record too. Off by default: the scoped forms remove it themselves.
    public var removesItself = false

    /// A configuration with the defaults.
    public init() {}
}

/// Rows and columns of a terminal, in characters.
public struct TerminalSize: Sendable, Hashable {
    /// Lines.
    public var rows: UInt16
    /// Characters of a line.
    public var columns: UInt16

    /// A size.
    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

extension ContainerConfiguration {
    /// A mount that the container gets.
    public struct Mount: Sendable, Hashable {
        var mount: BundleMount

        /// A file or directory of the host, with what is mounted below it.
        /// - Parameters:
        ///   - source: absolute, on the host.
        ///   - destination: absolute, inside; made when it is missing.
        ///   - readOnly: recursively, what is mounted below it too.
        public static func bind(_ source: FilePath, to destination: String, readOnly: Bool = false) -> Mount {
            Mount(mount: .bind(source: source, destination: destination, readOnly: readOnly))
        }

        /// A fresh tmpfs.
        /// - Parameters:
        ///   - destination: absolute, inside.
        ///   - size: nil is half of the memory.
        ///   - mode: permissions of its root.
        public static func temporary(_ destination: String, size: ByteCount? = nil, mode: FilePermissions = .init(rawValue: 0o1777))
            -> Mount
        {
            Mount(
                mount: .temporary(destination: destination, size: size.map { UInt64(clamping: $0.rawValue) }, mode: UInt32(mode.rawValue)))
        }
    }

    /// What a container sees of the network.
    public enum Network: Sendable, Hashable {
        /// A network namespace of its own with nothing but loopback; `Container.connect(port:)` reaches into it.
        case none
        /// The host's network: no isolation.
        case host
        /// An existing network namespace, by path.
        case namespace(FilePath)
    }

    /// Limits of the cgroup; nil is no limit.
    public struct Resources: Sendable, Hashable {
        /// Memory. Reaching it ends the container with `ExitStatus.outOfMemory`.
        public var memory: ByteCount?
        /// Memory and swap together, as Docker counts. Nil with `memory` set is twice the memory.
        public var memorySwap: ByteCount?
        /// What reclaim aims at (memory.low on v2).
        public var memoryReservation: ByteCount?
        /// Processors, with fractions.
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
        /// Limits of input and output by device.
        public var ioThrottle = BundleResources.IOThrottle()

        /// No limits.
        public init() {}
    }

    /// What a container reads from standard input.
    public enum StandardInput: Sendable, Hashable {
        /// End of file at once (/dev/null).
        case empty
        /// These bytes, then end of file.
        case bytes([UInt8])
        /// What is written to `Container.standardInput`.
        case stream
        /// An open file of this program, given to the container as it is. The caller keeps it open until the start.
        case descriptor(FileDescriptor)

        /// Text as UTF-8, then end of file.
        public static func text(_ text: String) -> StandardInput { .bytes(Array(text.utf8)) }
        /// This program's own standard input.
        public static let inherit = StandardInput.descriptor(.standardInput)
    }

    /// Where the output of a container goes.
    public enum Output: Sendable, Hashable {
        /// `run` collects; `withContainer` and `create` stream; durable containers write into a file.
        case automatic
        /// Kept in memory up to a number of bytes a stream, and handed out with the result: only with `run`.
        case collect(limit: Int)
        /// Read from `Container.standardOutput` and `standardError`. What is not read stops the container when its pipe is full.
        case stream
        /// Both streams into one append-only file; nil is a file in the container's own directory, which goes with it.
        /// It belongs to the container's user, unless something stood in it before.
        case file(FilePath?)
        /// A logger keeps each line with its time and stream, see `Container.logEntries`. It is a small process beside the container.
        case log(LogOptions = LogOptions())
        /// Thrown away.
        case discard
        /// Open files of this program, given to the container as they are. The caller keeps them open until the start.
        case descriptors(output: FileDescriptor, error: FileDescriptor)
        /// Into this program's own standard output and standard error, without a copy in between.
        case inherit
    }

    /// How long a container lives.
    public enum Life: Sendable, Hashable {
        /// It ends with this program, even when that is killed.
        case throwaway
        /// It goes on without this program; `ContainerEngine.reattach(_:)` finds it again.
        case durable
    }
}
