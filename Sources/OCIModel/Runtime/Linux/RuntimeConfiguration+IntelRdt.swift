extension RuntimeConfiguration {
    /// Intel Resource Director Technology. See: resctrl of the kernel.
    public struct IntelRdt: Sendable, Hashable, Codable {
        /// Identity of the class of service.
        public var closID: String?
        /// Lines of schemata.
        public var schemata: [String]?
        /// Schema of L3 cache allocation.
        public var l3CacheSchema: String?
        /// Schema of memory bandwidth.
        public var memBwSchema: String?
        /// Makes a monitoring group.
        public var enableMonitoring: Bool?

        /// Makes a value; what is left out is not set.
        public init(
            closID: String? = nil,
            schemata: [String]? = nil,
            l3CacheSchema: String? = nil,
            memBwSchema: String? = nil,
            enableMonitoring: Bool? = nil
        ) {
            self.closID = closID
            self.schemata = schemata
            self.l3CacheSchema = l3CacheSchema
            self.memBwSchema = memBwSchema
            self.enableMonitoring = enableMonitoring
        }
    }
}
