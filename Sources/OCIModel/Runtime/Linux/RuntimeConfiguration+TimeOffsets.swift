extension RuntimeConfiguration {
    /// Clock offsets of a time namespace. See: man 7 time_namespaces.
    public struct TimeOffsets: Sendable, Hashable, Codable {
        /// Of CLOCK_MONOTONIC.
        public var monotonic: TimeOffset?
        /// Of CLOCK_BOOTTIME.
        public var boottime: TimeOffset?

        /// Makes a value; what is left out is not set.
        public init(monotonic: TimeOffset? = nil, boottime: TimeOffset? = nil) {
            self.monotonic = monotonic
            self.boottime = boottime
        }
    }
}
