/// A process in a container: the first one, or one of exec.
package struct ProcessPlan: Sendable, Hashable {
    package var arguments: [String]
    /// `KEY=value`. Nothing of the host's or the spawner's environment is added.
    package var environment: [String] = []
    /// Absolute, inside the container; checked after chdir to be inside its root.
    package var workingDirectory = "/"
    package var uid: UInt32 = 0
    package var gid: UInt32 = 0
    package var additionalGroups: [UInt32] = []
    /// Leave the supplementary groups as they are: the user namespace forbids setgroups(2).
    package var keepsGroups = false
    package var umask: UInt32 = 0o022
    package var capabilities = CapabilitySets()
    package var noNewPrivileges = true
    package var limits: [ResourceLimit] = []
    package var oomScoreAdjust: Int32?
    /// `struct sock_filter` array; empty means no filter.
    package var seccompProgram: [UInt8] = []
    /// `SECCOMP_FILTER_FLAG_…`.
    package var seccompFlags: UInt32 = 0
    /// A pty is allocated in the container's devpts and becomes the controlling terminal and the standard streams.
    package var terminal = false
    package var terminalSize: TerminalSize?
    package var apparmorProfile: String?
    package var selinuxLabel: String?
    package var scheduler: SchedulerPlan?
    /// `ioprio_set` value: class << 13 | priority.
    package var ioPriority: UInt16?
    /// `personality(2)` domain.
    package var personality: UInt32?
    /// CPU list as in the spec (`0-3,7`), applied by sched_setaffinity before exec.
    package var cpuAffinity: String?
    package var memoryPolicy: MemoryPolicyPlan?
    /// Who gets the notifications of the filter; the launcher hands the descriptor over before the program runs.
    package var listener: SeccompListenerPlan?

    /// Process 1 is an init of ours, and the program its child. Of a launch plan; an exec has none.
    package var reapsChildren = false

    package init(arguments: [String]) { self.arguments = arguments }
}

/// The five capability sets, bit n = capability n.
package struct CapabilitySets: Sendable, Hashable {
    package var bounding: UInt64 = 0
    package var effective: UInt64 = 0
    package var inheritable: UInt64 = 0
    package var permitted: UInt64 = 0
    package var ambient: UInt64 = 0
    package init() {}
}

/// One of setrlimit(2): `resource` is `RLIMIT_…`, `UInt64.max` is no limit.
package struct ResourceLimit: Sendable, Hashable {
    package var resource: Int32
    package var soft: UInt64
    package var hard: UInt64
    package init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

package struct TerminalSize: Sendable, Hashable {
    package var rows: UInt16
    package var columns: UInt16
    package init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

/// `struct sched_attr` of sched_setattr(2).
package struct SchedulerPlan: Sendable, Hashable {
    package var policy: UInt32
    package var flags: UInt64 = 0
    package var nice: Int32 = 0
    package var priority: UInt32 = 0
    package var runtime: UInt64 = 0
    package var deadline: UInt64 = 0
    package var period: UInt64 = 0
    package init(policy: UInt32) { self.policy = policy }
}
