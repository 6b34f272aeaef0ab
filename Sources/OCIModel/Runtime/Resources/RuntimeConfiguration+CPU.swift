extension RuntimeConfiguration {
    /// CPU time and CPUs.
    public struct CPU: Sendable, Hashable, Codable {
        /// Relative weight, 2…262144.
        public var shares: UInt64?
        /// Microseconds in a period; -1 is no limit.
        public var quota: Int64?
        /// Microseconds; nil is 100,000.
        public var period: UInt64?
        /// Microseconds that may be saved up.
        public var burst: UInt64?
        /// Microseconds of real-time scheduling; v1 only.
        public var realtimeRuntime: Int64?
        /// Microseconds; v1 only.
        public var realtimePeriod: UInt64?
        /// CPU list, `0-3,7`.
        public var cpus: String?
        /// Memory node list.
        public var mems: String?
        /// 1 makes it an idle group.
        public var idle: Int64?

        /// Makes a value; what is left out is not set.
        public init(
            shares: UInt64? = nil,
            quota: Int64? = nil,
            period: UInt64? = nil,
            burst: UInt64? = nil,
            realtimeRuntime: Int64? = nil,
            realtimePeriod: UInt64? = nil,
            cpus: String? = nil,
            mems: String? = nil,
            idle: Int64? = nil
        ) {
            self.shares = shares
            self.quota = quota
            self.period = period
            self.burst = burst
            self.realtimeRuntime = realtimeRuntime
            self.realtimePeriod = realtimePeriod
            self.cpus = cpus
            self.mems = mems
            self.idle = idle
        }
    }
}
