extension RuntimeConfiguration {
    /// Priority of traffic on an interface.
    public struct InterfacePriority: Sendable, Hashable, Codable {
        /// Interface.
        public var name: String
        /// Priority.
        public var priority: UInt32

        /// Makes a value; what is left out is not set.
        public init(name: String, priority: UInt32) {
            self.name = name
            self.priority = priority
        }
    }
}
