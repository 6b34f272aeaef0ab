extension RuntimeConfiguration {
    /// Whether some devices may be used.
    public struct DeviceRule: Sendable, Hashable, Codable {
        /// Whether it allows or denies.
        public var allow: Bool
        /// `a` (all), `c` or `b`; nil is all.
        public var type: String?
        /// Major number; nil is any.
        public var major: Int64?
        /// Minor number; nil is any.
        public var minor: Int64?
        /// Some of `r`, `w` and `m` (mknod); nil is all.
        public var access: String?

        /// Makes a value; what is left out is not set.
        public init(allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }
    }
}
