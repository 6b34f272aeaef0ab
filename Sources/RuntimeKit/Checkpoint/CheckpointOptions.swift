public import SystemPackage

/// How the processes of a container are written to files and made again from them. See: man 8 criu.
public struct CheckpointOptions: Sendable, Hashable {
    /// What becomes of the properties of cgroups.
    public enum CgroupMode: Int64, Sendable {
        /// Processes stay in the cgroups they are restored from.
        case ignore = 0
        /// Only those of cgroups that had to be made.
        case soft = 3
        /// All of them.
        case full = 4
        /// All of them, and no cgroup may be there already.
        case strict = 5
    }

    /// Where memory goes instead of into files: a `criu page-server`.
    public struct PageServer: Sendable, Hashable {
        /// Its host, by number or name.
        public var address: String
        /// Its TCP port.
        public var port: UInt16

        /// - Parameters:
        ///   - address: host, by number or name.
        ///   - port: TCP port.
        public init(address: String, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// Directory of the files; made 0700 when missing.
    public var images: FilePath
    /// Directory of criu's log, `dump.log` or `restore.log`; made 0700 when missing. `images` by default.
    public var work: FilePath?
    /// Images of an earlier `isPreDump`, relative to `images`: only memory that changed since is written.
    public var parent: FilePath?
    /// Whether the container goes on after its checkpoint.
    public var leavesRunning = false
    /// Write memory only, and let the container go on.
    public var isPreDump = false
    /// Whether open TCP connections are part of it.
    public var keepsConnections = false
    /// Whether TCP connections that nobody has accepted yet are left out.
    public var skipsConnectionsInFlight = false
    /// Whether Unix sockets may be connected to processes outside.
    public var allowsExternalSockets = false
    /// Whether the container may be a job of a shell: share its terminal and session.
    public var isShellJob = false
    /// Whether file locks are part of it; they may be held by processes outside as well.
    public var keepsFileLocks = false
    /// Whether files that were removed while open get a name again.
    public var remapsLinks = false
    /// Whether memory that a later image holds is punched out of earlier ones.
    public var deduplicates = false
    /// Whether the network namespace comes back without its interfaces and addresses.
    public var leavesNetworkEmpty = false
    /// A server that memory is sent to, on the machine that goes on with the container.
    public var pageServer: PageServer?
    /// Whether memory stays where it is until a restored process asks for it: a checkpoint serves it to others then, on `pageServer`,
    /// until all of it is gone; a restore gets it from a `criu lazy-pages` whose socket is in `work`.
    public var isLazy = false
    /// Descriptor of the calling process that criu writes a zero byte to when it is ready to serve memory.
    public var statusDescriptor: FileDescriptor?
    /// How long criu may neither say nor log anything before it is ended, and twice as long at most. 5 minutes by default.
    public var silenceLimit = Duration.seconds(300)
    /// Soft by default.
    public var cgroupMode: CgroupMode = .soft
    /// For a restore: another AppArmor profile or SELinux label.
    public var securityProfile: String?
    /// For a restore: another SELinux context of mounts.
    public var securityMountContext: String?

    /// - Parameter images: directory of the files.
    public init(images: FilePath) { self.images = images }
}
