extension RuntimeConfiguration {
    /// Scheduling of a process. See: man 2 sched_setattr.
    public struct Scheduler: Sendable, Hashable, Codable {
        /// `SCHED_OTHER`, `SCHED_FIFO`, `SCHED_RR`, `SCHED_BATCH`, `SCHED_ISO`, `SCHED_IDLE` or `SCHED_DEADLINE`.
        public var policy: String
        /// Niceness, -20…19, of the time-sharing policies.
        public var nice: Int32?
        /// Static priority, 1…99, of `SCHED_FIFO` and `SCHED_RR`.
        public var priority: Int32?
        /// `SCHED_FLAG_…`.
        public var flags: [String]?
        /// Nanoseconds a period, of `SCHED_DEADLINE`.
        public var runtime: UInt64?
        /// Nanoseconds, of `SCHED_DEADLINE`.
        public var deadline: UInt64?
        /// Nanoseconds, of `SCHED_DEADLINE`.
        public var period: UInt64?

        /// Makes a value; what is left out is not set.
        public init(
            policy: String,
            nice: Int32? = nil,
            priority: Int32? = nil,
            flags: [String]? = nil,
            runtime: UInt64? = nil,
            deadline: UInt64? = nil,
            period: UInt64? = nil
        ) {
            self.policy = policy
            self.nice = nice
            self.priority = priority
            self.flags = flags
            self.runtime = runtime
            self.deadline = deadline
            self.period = period
        }
    }
}
