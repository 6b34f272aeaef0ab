extension RuntimeConfiguration {
    /// A kind of namespace. See: man 7 namespaces.
    ///
    /// Open, so that a kind this package does not know is refused by validation with its field's name.
    public struct NamespaceType: RawRepresentable, Sendable, Hashable, Codable {
        /// The specification's word.
        public let rawValue: String

        /// A kind by its word.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Process ids.
        public static let pid = NamespaceType(rawValue: "pid")
        /// Network devices, addresses and ports.
        public static let network = NamespaceType(rawValue: "network")
        /// Mounts.
        public static let mount = NamespaceType(rawValue: "mount")
        /// System V IPC and POSIX message queues.
        public static let ipc = NamespaceType(rawValue: "ipc")
        /// Host and domain name.
        public static let uts = NamespaceType(rawValue: "uts")
        /// User and group ids, and capabilities.
        public static let user = NamespaceType(rawValue: "user")
        /// The root of the cgroup tree.
        public static let cgroup = NamespaceType(rawValue: "cgroup")
        /// Offsets of the monotonic and boot-time clocks.
        public static let time = NamespaceType(rawValue: "time")
    }
}
