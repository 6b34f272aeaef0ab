extension RuntimeConfiguration {
    /// What only Linux has. See: runtime-spec config-linux.md.
    public struct Linux: Sendable, Hashable, Codable {
        /// Namespaces made or joined; those not listed are inherited.
        public var namespaces: [Namespace]?
        /// User ids of a new user namespace.
        public var uidMappings: [IDMapping]?
        /// Group ids of a new user namespace.
        public var gidMappings: [IDMapping]?
        /// Clock offsets of a new time namespace.
        public var timeOffsets: TimeOffsets?
        /// Device nodes made besides the default ones.
        public var devices: [Device]?
        /// Network devices of the host to be moved inside, by name.
        public var netDevices: [String: NetDevice]?
        /// Path of the cgroup: absolute below the mount point, or relative to a parent that the runtime chooses.
        public var cgroupsPath: String?
        /// Limits of the cgroup.
        public var resources: Resources?
        /// `shared`, `slave`, `private` or `unbindable`, of the root mount.
        public var rootfsPropagation: String?
        /// System call filter.
        public var seccomp: Seccomp?
        /// Namespaced kernel parameters, written inside.
        public var sysctl: [String: String]?
        /// Absolute paths inside that cannot be read.
        public var maskedPaths: [String]?
        /// Absolute paths inside that cannot be written.
        public var readonlyPaths: [String]?
        /// SELinux label of the mounts.
        public var mountLabel: String?
        /// Cache and memory bandwidth allocation.
        public var intelRdt: IntelRdt?
        /// NUMA memory policy of set_mempolicy(2).
        public var memoryPolicy: MemoryPolicy?
        /// Execution domain of personality(2).
        public var personality: Personality?

        /// Makes a value; what is left out is not set.
        public init(
            namespaces: [Namespace]? = nil,
            uidMappings: [IDMapping]? = nil,
            gidMappings: [IDMapping]? = nil,
            timeOffsets: TimeOffsets? = nil,
            devices: [Device]? = nil,
            netDevices: [String: NetDevice]? = nil,
            cgroupsPath: String? = nil,
            resources: Resources? = nil,
            rootfsPropagation: String? = nil,
            seccomp: Seccomp? = nil,
            sysctl: [String: String]? = nil,
            maskedPaths: [String]? = nil,
            readonlyPaths: [String]? = nil,
            mountLabel: String? = nil,
            intelRdt: IntelRdt? = nil,
            memoryPolicy: MemoryPolicy? = nil,
            personality: Personality? = nil
        ) {
            self.namespaces = namespaces
            self.uidMappings = uidMappings
            self.gidMappings = gidMappings
            self.timeOffsets = timeOffsets
            self.devices = devices
            self.netDevices = netDevices
            self.cgroupsPath = cgroupsPath
            self.resources = resources
            self.rootfsPropagation = rootfsPropagation
            self.seccomp = seccomp
            self.sysctl = sysctl
            self.maskedPaths = maskedPaths
            self.readonlyPaths = readonlyPaths
            self.mountLabel = mountLabel
            self.intelRdt = intelRdt
            self.memoryPolicy = memoryPolicy
            self.personality = personality
        }
    }
}
