extension RuntimeConfiguration {
    /// I/O weight of one device.
    public struct WeightDevice: Sendable, Hashable, Codable {
        /// Major number.
        public var major: Int64
        /// Minor number.
        public var minor: Int64
        /// 10…1000.
        public var weight: UInt16?
        /// 10…1000; v1 only.
        public var leafWeight: UInt16?

        /// Makes a value; what is left out is not set.
        public init(major: Int64, minor: Int64, weight: UInt16? = nil, leafWeight: UInt16? = nil) {
            self.major = major
            self.minor = minor
            self.weight = weight
            self.leafWeight = leafWeight
        }
    }
}
