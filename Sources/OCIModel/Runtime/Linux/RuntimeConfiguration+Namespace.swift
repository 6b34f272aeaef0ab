extension RuntimeConfiguration {
    /// A namespace to make, or with a path to join.
    public struct Namespace: Sendable, Hashable, Codable {
        /// Which kind.
        public var type: NamespaceType
        /// A namespace file on the host to join instead of making one.
        public var path: String?

        /// Makes a value; what is left out is not set.
        public init(type: NamespaceType, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }
}
