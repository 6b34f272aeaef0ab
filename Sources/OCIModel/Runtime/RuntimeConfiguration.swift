/// How a container is made and confined: `config.json` of an OCI bundle, for Linux. See: runtime-spec 1.3 config.md.
///
/// Names and meaning of all members are the specification's. What is nil is left out of the JSON.
public struct RuntimeConfiguration: Sendable, Hashable, Codable {
    /// The version of the specification that this package implements.
    public static let specificationVersion = "1.3.0"

    /// Version of the specification it follows.
    public var ociVersion: String
    /// The root file system.
    public var root: Root?
    /// Mounts besides the root, in order.
    public var mounts: [MountEntry]?
    /// The program; needed to start.
    public var process: Process?
    /// Host name inside; needs a new UTS namespace.
    public var hostname: String?
    /// NIS domain name inside; needs a new UTS namespace.
    public var domainname: String?
    /// Programs run at points of its life.
    public var hooks: Hooks?
    /// Free metadata.
    public var annotations: [String: String]?
    /// What only Linux has.
    public var linux: Linux?

    /// Makes a value; what is left out is not set.
    public init(
        ociVersion: String = RuntimeConfiguration.specificationVersion,
        root: Root? = nil,
        mounts: [MountEntry]? = nil,
        process: Process? = nil,
        hostname: String? = nil,
        domainname: String? = nil,
        hooks: Hooks? = nil,
        annotations: [String: String]? = nil,
        linux: Linux? = nil
    ) {
        self.ociVersion = ociVersion
        self.root = root
        self.mounts = mounts
        self.process = process
        self.hostname = hostname
        self.domainname = domainname
        self.hooks = hooks
        self.annotations = annotations
        self.linux = linux
    }
}
