extension RuntimeConfiguration {
    /// CPUs of a further process of a container. See: runtime-spec config.md, "execCPUAffinity".
    public struct ExecCPUAffinity: Sendable, Hashable, Codable {
        /// CPU list before the process is moved to the cgroup, `0-3,7`.
        public var initial: String?
        /// CPU list afterwards.
        public var final: String?

        /// Makes a value; what is left out is not set.
        public init(initial: String? = nil, final: String? = nil) {
            self.initial = initial
            self.final = final
        }
    }
}
