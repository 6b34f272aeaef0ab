extension RuntimeConfiguration {
    /// A range of ids that is seen as another range inside. See: man 7 user_namespaces.
    public struct IDMapping: Sendable, Hashable, Codable {
        /// First id inside.
        public var containerID: UInt32
        /// First id outside.
        public var hostID: UInt32
        /// Number of ids.
        public var size: UInt32

        /// Makes a value; what is left out is not set.
        public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
            self.containerID = containerID
            self.hostID = hostID
            self.size = size
        }
    }
}
