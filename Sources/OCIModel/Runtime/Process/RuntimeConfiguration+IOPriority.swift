extension RuntimeConfiguration {
    /// I/O priority of a process. See: man 2 ioprio_set.
    public struct IOPriority: Sendable, Hashable, Codable {
        /// `IOPRIO_CLASS_RT`, `IOPRIO_CLASS_BE` or `IOPRIO_CLASS_IDLE`.
        public var `class`: String
        /// 0 (highest) to 7; nil is 0.
        public var priority: Int32?

        /// Makes a value; what is left out is not set.
        public init(`class`: String, priority: Int32? = nil) {
            self.class = `class`
            self.priority = priority
        }
    }
}
