extension RuntimeConfiguration {
    /// Number of tasks.
    public struct Pids: Sendable, Hashable, Codable {
        /// Most tasks; 0 or below is no limit.
        public var limit: Int64

        /// Makes a value; what is left out is not set.
        public init(limit: Int64) {
            self.limit = limit
        }
    }
}
