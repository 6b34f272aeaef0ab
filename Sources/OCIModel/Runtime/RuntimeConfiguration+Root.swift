extension RuntimeConfiguration {
    /// The root file system. See: runtime-spec config.md, "Root".
    public struct Root: Sendable, Hashable, Codable {
        /// Path of the root directory, absolute or relative to the bundle.
        public var path: String
        /// Whether the root file system is read-only inside the container; nil is false.
        public var readonly: Bool?

        /// Makes a value; what is left out is not set.
        public init(path: String, readonly: Bool? = nil) {
            self.path = path
            self.readonly = readonly
        }
    }
}
