extension RuntimeConfiguration {
    /// Memory limits in bytes; -1 is none.
    public struct Memory: Sendable, Hashable, Codable {
        /// Hard limit.
        public var limit: Int64?
        /// Soft limit.
        public var reservation: Int64?
        /// Limit of memory and swap together.
        public var swap: Int64?
        /// Kernel memory; deprecated.
        public var kernel: Int64?
        /// Kernel TCP buffers; v1 only.
        public var kernelTCP: Int64?
        /// 0…100; v1 only.
        public var swappiness: UInt64?
        /// Tasks wait instead of being killed; v1 only.
        public var disableOOMKiller: Bool?
        /// Hierarchical accounting; always on.
        public var useHierarchy: Bool?
        /// Refuses a limit below what is in use.
        public var checkBeforeUpdate: Bool?

        /// Makes a value; what is left out is not set.
        public init(
            limit: Int64? = nil,
            reservation: Int64? = nil,
            swap: Int64? = nil,
            kernel: Int64? = nil,
            kernelTCP: Int64? = nil,
            swappiness: UInt64? = nil,
            disableOOMKiller: Bool? = nil,
            useHierarchy: Bool? = nil,
            checkBeforeUpdate: Bool? = nil
        ) {
            self.limit = limit
            self.reservation = reservation
            self.swap = swap
            self.kernel = kernel
            self.kernelTCP = kernelTCP
            self.swappiness = swappiness
            self.disableOOMKiller = disableOOMKiller
            self.useHierarchy = useHierarchy
            self.checkBeforeUpdate = checkBeforeUpdate
        }
    }
}
