extension RuntimeConfiguration {
    /// Size of a terminal in characters.
    public struct ConsoleSize: Sendable, Hashable, Codable {
        /// Rows.
        public var height: UInt64
        /// Columns.
        public var width: UInt64

        /// Makes a value; what is left out is not set.
        public init(height: UInt64, width: UInt64) {
            self.height = height
            self.width = width
        }
    }
}
