extension RuntimeConfiguration {
    /// A device node inside. See: man 2 mknod.
    public struct Device: Sendable, Hashable, Codable {
        /// `c`, `b`, `u` (as c) or `p` (FIFO).
        public var type: String
        /// Absolute path inside.
        public var path: String
        /// Major number; not for a FIFO.
        public var major: Int64?
        /// Minor number; not for a FIFO.
        public var minor: Int64?
        /// Permissions; nil is 0o666.
        public var fileMode: UInt32?
        /// Owner; nil is 0.
        public var uid: UInt32?
        /// Group; nil is 0.
        public var gid: UInt32?

        /// Makes a value; what is left out is not set.
        public init(
            type: String,
            path: String,
            major: Int64? = nil,
            minor: Int64? = nil,
            fileMode: UInt32? = nil,
            uid: UInt32? = nil,
            gid: UInt32? = nil
        ) {
            self.type = type
            self.path = path
            self.major = major
            self.minor = minor
            self.fileMode = fileMode
            self.uid = uid
            self.gid = gid
        }
    }
}
