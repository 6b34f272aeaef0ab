extension RuntimeConfiguration {
    /// One mount of the container, made in the order of the list. See: runtime-spec config.md, "Mounts".
    public struct MountEntry: Sendable, Hashable, Codable {
        /// Absolute path inside the container; missing directories are made.
        public var destination: String
        /// File system type (`proc`, `tmpfs`, `bind`, …); nil is allowed with `bind` among the options.
        public var type: String?
        /// Device or, for a bind mount, a path on the host.
        public var source: String?
        /// Options of mount(8) and fstab(5), and those the specification adds (`rbind`, `rro`, `idmap`, …).
        public var options: [String]?
        /// Maps user ids of an id-mapped mount.
        public var uidMappings: [IDMapping]?
        /// Maps group ids of an id-mapped mount.
        public var gidMappings: [IDMapping]?

        /// Makes a value; what is left out is not set.
        public init(
            destination: String,
            type: String? = nil,
            source: String? = nil,
            options: [String]? = nil,
            uidMappings: [IDMapping]? = nil,
            gidMappings: [IDMapping]? = nil
        ) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
            self.uidMappings = uidMappings
            self.gidMappings = gidMappings
        }
    }
}
