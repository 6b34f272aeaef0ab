extension RuntimeConfiguration {
    /// What happens on some system calls.
    public struct SeccompRule: Sendable, Hashable, Codable {
        /// System calls; names this machine does not know are skipped.
        public var names: [String]
        /// What happens.
        public var action: SeccompAction
        /// errno of `SCMP_ACT_ERRNO` or data of `SCMP_ACT_TRACE`; nil is EPERM.
        public var errnoRet: UInt32?
        /// Conditions that must all hold.
        public var args: [SeccompArgument]?

        /// Makes a value; what is left out is not set.
        public init(names: [String], action: SeccompAction, errnoRet: UInt32? = nil, args: [SeccompArgument]? = nil) {
            self.names = names
            self.action = action
            self.errnoRet = errnoRet
            self.args = args
        }
    }
}
