extension RuntimeConfiguration {
    /// Limit of huge pages of one size.
    public struct HugepageLimit: Sendable, Hashable, Codable {
        /// `2MB`.
        public var pageSize: String
        /// Bytes.
        public var limit: UInt64

        /// Makes a value; what is left out is not set.
        public init(pageSize: String, limit: UInt64) {
            self.pageSize = pageSize
            self.limit = limit
        }
    }
}
