extension RuntimeConfiguration {
    /// Block device I/O.
    public struct BlockIO: Sendable, Hashable, Codable {
        /// Relative weight, 10…1000.
        public var weight: UInt16?
        /// Weight against child cgroups; v1 only.
        public var leafWeight: UInt16?
        /// Weights of single devices.
        public var weightDevice: [WeightDevice]?
        /// Bytes read a second.
        public var throttleReadBpsDevice: [ThrottleDevice]?
        /// Bytes written a second.
        public var throttleWriteBpsDevice: [ThrottleDevice]?
        /// Reads a second.
        public var throttleReadIOPSDevice: [ThrottleDevice]?
        /// Writes a second.
        public var throttleWriteIOPSDevice: [ThrottleDevice]?

        /// Makes a value; what is left out is not set.
        public init(
            weight: UInt16? = nil,
            leafWeight: UInt16? = nil,
            weightDevice: [WeightDevice]? = nil,
            throttleReadBpsDevice: [ThrottleDevice]? = nil,
            throttleWriteBpsDevice: [ThrottleDevice]? = nil,
            throttleReadIOPSDevice: [ThrottleDevice]? = nil,
            throttleWriteIOPSDevice: [ThrottleDevice]? = nil
        ) {
            self.weight = weight
            self.leafWeight = leafWeight
            self.weightDevice = weightDevice
            self.throttleReadBpsDevice = throttleReadBpsDevice
            self.throttleWriteBpsDevice = throttleWriteBpsDevice
            self.throttleReadIOPSDevice = throttleReadIOPSDevice
            self.throttleWriteIOPSDevice = throttleWriteIOPSDevice
        }
    }
}
