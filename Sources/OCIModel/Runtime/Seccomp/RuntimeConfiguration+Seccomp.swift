extension RuntimeConfiguration {
    /// A system call filter. See: man 2 seccomp, man 3 seccomp_init.
    public struct Seccomp: Sendable, Hashable, Codable {
        /// For system calls that no rule matches.
        public var defaultAction: SeccompAction
        /// errno of a default action `SCMP_ACT_ERRNO` or data of `SCMP_ACT_TRACE`; nil is EPERM.
        public var defaultErrnoRet: UInt32?
        /// `SCMP_ARCH_…` besides the native one.
        public var architectures: [String]?
        /// `SECCOMP_FILTER_FLAG_…`; nil is the choice of the runtime.
        public var flags: [String]?
        /// Unix socket that gets the notification descriptor.
        public var listenerPath: String?
        /// Opaque data sent to the listener.
        public var listenerMetadata: String?
        /// Rules, in order.
        public var syscalls: [SeccompRule]?

        /// Makes a value; what is left out is not set.
        public init(
            defaultAction: SeccompAction,
            defaultErrnoRet: UInt32? = nil,
            architectures: [String]? = nil,
            flags: [String]? = nil,
            listenerPath: String? = nil,
            listenerMetadata: String? = nil,
            syscalls: [SeccompRule]? = nil
        ) {
            self.defaultAction = defaultAction
            self.defaultErrnoRet = defaultErrnoRet
            self.architectures = architectures
            self.flags = flags
            self.listenerPath = listenerPath
            self.listenerMetadata = listenerMetadata
            self.syscalls = syscalls
        }
    }
}
