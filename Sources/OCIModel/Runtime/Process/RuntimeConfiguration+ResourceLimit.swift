extension RuntimeConfiguration {
    /// One limit of setrlimit(2).
    public struct ResourceLimit: Sendable, Hashable, Codable {
        /// Name, `RLIMIT_NOFILE`.
        public var type: String
        /// The limit that is enforced; `UInt64.max` is none.
        public var soft: UInt64
        /// The most that the soft limit may be raised to.
        public var hard: UInt64

        /// Makes a value; what is left out is not set.
        public init(type: String, soft: UInt64, hard: UInt64) {
            self.type = type
            self.soft = soft
            self.hard = hard
        }
    }
}
