extension RuntimeConfiguration {
    /// What a filter does with a system call. See: man 2 seccomp.
    ///
    /// Open, so that an action this package does not know is refused by validation with its field's name.
    public struct SeccompAction: RawRepresentable, Sendable, Hashable, Codable {
        /// libseccomp's word.
        public let rawValue: String

        /// An action by its word.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// Ends the thread; the older word of `killThread`.
        public static let kill = SeccompAction(rawValue: "SCMP_ACT_KILL")
        /// Ends the process with SIGSYS.
        public static let killProcess = SeccompAction(rawValue: "SCMP_ACT_KILL_PROCESS")
        /// Ends the thread.
        public static let killThread = SeccompAction(rawValue: "SCMP_ACT_KILL_THREAD")
        /// Sends SIGSYS.
        public static let trap = SeccompAction(rawValue: "SCMP_ACT_TRAP")
        /// Fails with an errno.
        public static let errno = SeccompAction(rawValue: "SCMP_ACT_ERRNO")
        /// Asks a tracer.
        public static let trace = SeccompAction(rawValue: "SCMP_ACT_TRACE")
        /// Goes on.
        public static let allow = SeccompAction(rawValue: "SCMP_ACT_ALLOW")
        /// Goes on, and is logged.
        public static let log = SeccompAction(rawValue: "SCMP_ACT_LOG")
        /// Asks a listener in user space.
        public static let notify = SeccompAction(rawValue: "SCMP_ACT_NOTIFY")
    }
}
