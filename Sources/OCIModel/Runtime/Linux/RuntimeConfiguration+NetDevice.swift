extension RuntimeConfiguration {
    /// A network device moved inside.
    public struct NetDevice: Sendable, Hashable, Codable {
        /// Its name inside; nil keeps it.
        public var name: String?

        /// Makes a value; what is left out is not set.
        public init(name: String? = nil) {
            self.name = name
        }
    }
}
