extension RuntimeConfiguration {
    /// Network classes and priorities.
    public struct Network: Sendable, Hashable, Codable {
        /// Class of net_cls.
        public var classID: UInt32?
        /// Of net_prio.
        public var priorities: [InterfacePriority]?

        /// Makes a value; what is left out is not set.
        public init(classID: UInt32? = nil, priorities: [InterfacePriority]? = nil) {
            self.classID = classID
            self.priorities = priorities
        }
    }
}
