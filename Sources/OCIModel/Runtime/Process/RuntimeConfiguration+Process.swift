extension RuntimeConfiguration {
    /// The process that runs in the container. See: runtime-spec config.md, "Process".
    public struct Process: Sendable, Hashable, Codable {
        /// Whether a pseudo-terminal is the standard streams; nil is false.
        public var terminal: Bool?
        /// Size of the terminal; only with `terminal`.
        public var consoleSize: ConsoleSize?
        /// Ids it runs with; nil is 0 and 0.
        public var user: User?
        /// Program and arguments; needed to start.
        public var args: [String]?
        /// Environment, `KEY=value`.
        public var env: [String]?
        /// Working directory, absolute.
        public var cwd: String
        /// Capability sets; nil is none at all.
        public var capabilities: Capabilities?
        /// Resource limits of setrlimit(2), each type at most once.
        public var rlimits: [ResourceLimit]?
        /// Sets no_new_privs of prctl(2); nil is false.
        public var noNewPrivileges: Bool?
        /// AppArmor profile to change to on exec.
        public var apparmorProfile: String?
        /// SELinux label of the process.
        public var selinuxLabel: String?
        /// Value of /proc/self/oom_score_adj, -1000…1000; nil keeps it.
        public var oomScoreAdj: Int?
        /// Scheduling policy of sched_setattr(2).
        public var scheduler: Scheduler?
        /// I/O priority of ioprio_set(2).
        public var ioPriority: IOPriority?
        /// CPUs of an exec: before and after it enters the cgroup.
        public var execCPUAffinity: ExecCPUAffinity?

        /// Makes a value; what is left out is not set.
        public init(
            terminal: Bool? = nil,
            consoleSize: ConsoleSize? = nil,
            user: User? = nil,
            args: [String]? = nil,
            env: [String]? = nil,
            cwd: String,
            capabilities: Capabilities? = nil,
            rlimits: [ResourceLimit]? = nil,
            noNewPrivileges: Bool? = nil,
            apparmorProfile: String? = nil,
            selinuxLabel: String? = nil,
            oomScoreAdj: Int? = nil,
            scheduler: Scheduler? = nil,
            ioPriority: IOPriority? = nil,
            execCPUAffinity: ExecCPUAffinity? = nil
        ) {
            self.terminal = terminal
            self.consoleSize = consoleSize
            self.user = user
            self.args = args
            self.env = env
            self.cwd = cwd
            self.capabilities = capabilities
            self.rlimits = rlimits
            self.noNewPrivileges = noNewPrivileges
            self.apparmorProfile = apparmorProfile
            self.selinuxLabel = selinuxLabel
            self.oomScoreAdj = oomScoreAdj
            self.scheduler = scheduler
            self.ioPriority = ioPriority
            self.execCPUAffinity = execCPUAffinity
        }
    }
}
