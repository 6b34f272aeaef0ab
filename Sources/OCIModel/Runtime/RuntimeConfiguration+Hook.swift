extension RuntimeConfiguration {
    /// One program of `Hooks`.
    public struct Hook: Sendable, Hashable, Codable {
        /// Absolute path of the executable.
        public var path: String
        /// Arguments, argv[0] included.
        public var args: [String]?
        /// Environment, `KEY=value`.
        public var env: [String]?
        /// Seconds after which it is ended; greater than zero.
        public var timeout: Int?

        /// Makes a value; what is left out is not set.
        public init(path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil) {
            self.path = path
            self.args = args
            self.env = env
            self.timeout = timeout
        }
    }
}
