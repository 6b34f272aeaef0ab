extension RuntimeConfiguration {
    /// Execution domain. See: man 2 personality.
    public struct Personality: Sendable, Hashable, Codable {
        /// `LINUX` or `LINUX32`.
        public var domain: String
        /// None is defined yet.
        public var flags: [String]?

        /// Makes a value; what is left out is not set.
        public init(domain: String, flags: [String]? = nil) {
            self.domain = domain
            self.flags = flags
        }
    }
}
