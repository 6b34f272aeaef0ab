extension RuntimeConfiguration {
    /// Limits of one RDMA device.
    public struct RDMA: Sendable, Hashable, Codable {
        /// Handles.
        public var hcaHandles: UInt32?
        /// Objects.
        public var hcaObjects: UInt32?

        /// Makes a value; what is left out is not set.
        public init(hcaHandles: UInt32? = nil, hcaObjects: UInt32? = nil) {
            self.hcaHandles = hcaHandles
            self.hcaObjects = hcaObjects
        }
    }
}
