extension RuntimeConfiguration {
    /// Ids of a process. See: runtime-spec config.md, "User".
    public struct User: Sendable, Hashable, Codable {
        /// User id inside the container; nil is 0.
        public var uid: UInt32?
        /// Group id inside the container; nil is 0.
        public var gid: UInt32?
        /// File mode creation mask; nil is 0o022.
        public var umask: UInt32?
        /// Supplementary groups.
        public var additionalGids: [UInt32]?
        /// Of Windows only; refused on Linux.
        public var username: String?

        /// Makes a value; what is left out is not set.
        public init(
            uid: UInt32? = nil,
            gid: UInt32? = nil,
            umask: UInt32? = nil,
            additionalGids: [UInt32]? = nil,
            username: String? = nil
        ) {
            self.uid = uid
            self.gid = gid
            self.umask = umask
            self.additionalGids = additionalGids
            self.username = username
        }
    }
}
