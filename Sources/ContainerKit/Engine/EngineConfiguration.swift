public import AsyncHTTPClient
public import BundleKit
internal import Glibc
public import Logging
public import OCIModel
public import SpawnKit
public import SystemPackage

/// Where an engine keeps its things, and how it reaches registries. The defaults suit a program that owns its containers.
public struct EngineConfiguration: Sendable {
    /// Images, layers, writable layers and logs; 0700. `/var/lib/containerkit` as root, else `$XDG_DATA_HOME/containerkit`.
    public var root: FilePath
    /// State of running containers, in memory as a rule; 0700. `/run/containerkit` as root, else `$XDG_RUNTIME_DIR/containerkit`.
    public var run: FilePath
    /// The cgroup below which containers get theirs. Nil, the default, is the subtree that systemd delegated to this program's unit, else
    /// `/containerkit` as root; durable containers then lie in their scopes, see `usesSystemdScopes`.
    public var cgroupParent: FilePath?
    /// Whether each durable container gets a scope of its own where systemd runs (`containerkit-<name>-<number>.scope`), so that it outlives
    /// the unit of this program. On by default; off, it ends with the unit. See: man 5 systemd.scope.
    public var usesSystemdScopes = true
    /// Whether `shutdown()` removes the cgroup parent if this engine made it and nothing is in it. Off by default: another engine may be about to use it.
    public var removesCgroupParent = false
    /// Credentials and trust for registries.
    public var registry = RegistrySettings()
    /// The platform whose images are pulled. This machine's by default.
    public var platform = Platform.current
    /// How the helper process is started.
    public var spawner = SpawnerConfiguration()
    /// The path of `durable-shim`, an executable product of this package, which then supervises durable containers: linked statically it
    /// leaves a fraction of the memory behind when this program has ended. Nil, the default, is the same helper process as for all others. It
    /// starts at the first durable container; one that is missing, or of another version of this package, is refused there. Containers that
    /// run stay with whoever made them, whatever is set here later.
    public var durableShim: FilePath?
    /// Where the engine writes what nobody is told otherwise: failed clean-ups, swept containers.
    public var logger = Logger(label: "containerkit")
    /// The program's own HTTP client. Nil, the default, makes one at the first pull and ends it with the engine. Its redirects must be
    /// disallowed.
    public var httpClient: HTTPClient?
    /// When images are flushed to the disk.
    public var durability = Durability.perImage
    /// Whether the compressed layers of an image are kept once it is unpacked. On by default. Without them an image takes about a third
    /// less on the disk, and cannot be pushed, saved or copied.
    public var keepsBlobs = true
    /// Bytes of each output stream that `run` and `exec` keep unless told otherwise. 16 MiB by default.
    public var outputLimit = 16 << 20
    /// What a layer of an image may cost before it is refused.
    public var layerLimits = LayerLimits()

    /// The defaults for this user.
    public init() {
        if geteuid() == 0 {
            root = "/var/lib/containerkit"
            run = "/run/containerkit"
        } else {
            let home = Self.directory("HOME") ?? "/tmp"
            root = (Self.directory("XDG_DATA_HOME") ?? home.appending(".local/share")).appending("containerkit")
            run = Self.directory("XDG_RUNTIME_DIR")?.appending("containerkit") ?? FilePath("/tmp/containerkit-\(geteuid())")
        }
    }

    /// When images are flushed to the disk.
    public enum Durability: Sendable, Hashable {
        /// Once an image, so that it survives a power loss.
        case perImage
        /// Never: after a crash of the machine such images are pulled again. For tests.
        case none
    }

    private static func directory(_ variable: String) -> FilePath? {
        guard let value = getenv(variable) else { return nil }
        let path = FilePath(String(cString: value))
        return path.isAbsolute ? path : nil
    }
}

/// How registries are reached.
public struct RegistrySettings: Sendable, Hashable {
    /// A user and a password, or a token in the password's place.
    public struct Credentials: Sendable, Hashable {
        /// The user's name.
        public var user: String
        /// The password or token; never printed.
        public var password: String

        /// A user and a password.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }
    }

    /// By registry, `docker.io` or `registry.example:5000`. What is not here is looked up in `~/.docker/config.json`.
    public var credentials: [String: Credentials] = [:]
    /// Whether `~/.docker/config.json` is read. On by default.
    public var readsDockerConfiguration = true
    /// Registries spoken to in plain HTTP. Those on loopback are anyway.
    public var plainHTTP: Set<String> = []
    /// PEM files with certificates trusted besides the system's.
    public var trustRoots: [FilePath] = []

    /// The defaults.
    public init() {}
}
