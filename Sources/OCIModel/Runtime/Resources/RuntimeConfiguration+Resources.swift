extension RuntimeConfiguration {
    /// Limits and rules of the cgroup. See: runtime-spec config-linux.md, "Control groups".
    public struct Resources: Sendable, Hashable, Codable {
        /// Which devices may be made and opened; later rules win.
        public var devices: [DeviceRule]?
        /// Memory limits.
        public var memory: Memory?
        /// CPU limits.
        public var cpu: CPU?
        /// Number of tasks.
        public var pids: Pids?
        /// Block device I/O.
        public var blockIO: BlockIO?
        /// Huge pages.
        public var hugepageLimits: [HugepageLimit]?
        /// Network classes and priorities; v1 only.
        public var network: Network?
        /// RDMA resources by device.
        public var rdma: [String: RDMA]?
        /// Files of cgroup v2 and their content, written as they are.
        public var unified: [String: String]?

        /// Makes a value; what is left out is not set.
        public init(
            devices: [DeviceRule]? = nil,
            memory: Memory? = nil,
            cpu: CPU? = nil,
            pids: Pids? = nil,
            blockIO: BlockIO? = nil,
            hugepageLimits: [HugepageLimit]? = nil,
            network: Network? = nil,
            rdma: [String: RDMA]? = nil,
            unified: [String: String]? = nil
        ) {
            self.devices = devices
            self.memory = memory
            self.cpu = cpu
            self.pids = pids
            self.blockIO = blockIO
            self.hugepageLimits = hugepageLimits
            self.network = network
            self.rdma = rdma
            self.unified = unified
        }
    }
}
