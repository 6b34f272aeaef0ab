extension RuntimeConfiguration {
    /// NUMA memory policy. See: man 2 set_mempolicy.
    public struct MemoryPolicy: Sendable, Hashable, Codable {
        /// `MPOL_…`.
        public var mode: String
        /// Node list.
        public var nodes: String?
        /// `MPOL_F_…`.
        public var flags: [String]?

        /// Makes a value; what is left out is not set.
        public init(mode: String, nodes: String? = nil, flags: [String]? = nil) {
            self.mode = mode
            self.nodes = nodes
            self.flags = flags
        }
    }
}
