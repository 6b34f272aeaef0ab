extension RuntimeConfiguration {
    /// An offset of one clock.
    public struct TimeOffset: Sendable, Hashable, Codable {
        /// Seconds.
        public var secs: Int64?
        /// Nanoseconds, below 10^9.
        public var nanosecs: UInt32?

        /// Makes a value; what is left out is not set.
        public init(secs: Int64? = nil, nanosecs: UInt32? = nil) {
            self.secs = secs
            self.nanosecs = nanosecs
        }
    }
}
