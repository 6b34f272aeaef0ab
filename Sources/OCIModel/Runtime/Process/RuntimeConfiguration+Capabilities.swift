extension RuntimeConfiguration {
    /// The five capability sets by name (`CAP_CHOWN`). See: man 7 capabilities.
    public struct Capabilities: Sendable, Hashable, Codable {
        /// Bounding set.
        public var bounding: [String]?
        /// Effective set.
        public var effective: [String]?
        /// Inheritable set.
        public var inheritable: [String]?
        /// Permitted set.
        public var permitted: [String]?
        /// Ambient set.
        public var ambient: [String]?

        /// Makes a value; what is left out is not set.
        public init(
            bounding: [String]? = nil,
            effective: [String]? = nil,
            inheritable: [String]? = nil,
            permitted: [String]? = nil,
            ambient: [String]? = nil
        ) {
            self.bounding = bounding
            self.effective = effective
            self.inheritable = inheritable
            self.permitted = permitted
            self.ambient = ambient
        }
    }
}
