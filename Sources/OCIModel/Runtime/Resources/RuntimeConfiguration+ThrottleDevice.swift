extension RuntimeConfiguration {
    /// I/O rate of one device.
    public struct ThrottleDevice: Sendable, Hashable, Codable {
        /// Major number.
        public var major: Int64
        /// Minor number.
        public var minor: Int64
        /// Bytes or operations a second.
        public var rate: UInt64?

        /// Makes a value; what is left out is not set.
        public init(major: Int64, minor: Int64, rate: UInt64? = nil) {
            self.major = major
            self.minor = minor
            self.rate = rate
        }
    }
}
