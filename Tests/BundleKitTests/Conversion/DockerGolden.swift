import BundleKit
import OCIModel

/// What Docker 20.10.24 gave its runtime for two images and options of `docker run`, read from the bundle's config.json; with what we take
/// for the same.
struct DockerGolden {
    /// The options of `docker run`.
    var command: String
    var image = plain
    var options: BundleOptions

    // What came of it.
    var arguments = ["/bin/sh"]
    /// Without HOSTNAME, sorted: Docker puts what it adds in front, and HOME is added by its runtime.
    var environment = [path]
    var directory = "/"
    var user: [UInt32] = [0, 0, 0]
    var capabilities = standard
    var effective = standard
    var resources = RuntimeConfiguration.Resources()
    var sharedMemory = "size=67108864"
    var temporary: String?
    var readOnly = false
    var limits: [RuntimeConfiguration.ResourceLimit]?
    var score = 0

    init(_ command: String, _ image: ImageDefaults = plain, _ fill: (inout DockerGolden) -> Void = { _ in }) {
        self.command = command
        self.image = image
        options = BundleOptions()
        if image == Self.full {
            arguments = ["/bin/sh", "-c", "true"]
            environment = ["A=1", "B=image", Self.path]
            directory = "/srv"
            user = [1000, 1000, 1000, 50, 10]
            effective = []
        }
        fill(&self)
    }

    static let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    static let standard = [
        "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_MKNOD", "CAP_NET_BIND_SERVICE",
        "CAP_NET_RAW", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
    ]
    /// `CMD ["/bin/sh"]`
    static let plain = ImageDefaults(command: ["/bin/sh"])
    /// With an entrypoint, a command, variables, a user with groups, a directory, a label.
    static let full = ImageDefaults(
        entrypoint: ["/bin/sh", "-c"], command: ["true"], environment: [path, "A=1", "B=image"], user: "app", workingDirectory: "/srv",
        labels: ["k": "v"])
    static let passwd = "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
    static let group = "root:x:0:\napp:x:1000:\nstaff:x:50:app,other\nwheel:x:10:app\n"
    static let masked: Set = [
        "/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
        "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    ]
    static let readOnlyPaths: Set = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    /// Besides /dev/shm, and files of the engine's network.
    static let mounts: [String: Set<String>] = [
        "/proc": ["nosuid", "noexec", "nodev"], "/dev": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        "/dev/pts": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        "/sys": ["nosuid", "noexec", "nodev", "ro"], "/sys/fs/cgroup": ["ro", "nosuid", "noexec", "nodev"],
        "/dev/mqueue": ["nosuid", "noexec", "nodev"],
    ]

    static let all = [
        DockerGolden("plain"),
        DockerGolden("full", full),
        DockerGolden("-e A=user -e C=3 -w /w -h box full true x", full) {
            $0.options.environment = ["A": "user", "C": "3"]
            $0.options.workingDirectory = "/w"
            $0.options.hostname = "box"
            $0.options.command = ["true", "x"]
            $0.arguments = ["/bin/sh", "-c", "true", "x"]
            $0.environment = ["A=user", "B=image", "C=3", path]
            $0.directory = "/w"
        },
        DockerGolden("--entrypoint /bin/true full", full) {
            $0.options.entrypoint = ["/bin/true"]
            $0.arguments = ["/bin/true"]
        },
        DockerGolden("--entrypoint /bin/true full y", full) {
            $0.options.entrypoint = ["/bin/true"]
            $0.options.command = ["y"]
            $0.arguments = ["/bin/true", "y"]
        },
        DockerGolden("-u 1000:staff --group-add wheel --group-add 7 full", full) {
            $0.options.user = "1000:staff"
            $0.options.additionalGroups = ["wheel", "7"]
            $0.user = [1000, 50, 50, 10, 7]
        },
        DockerGolden("-u 12 plain") {
            $0.options.user = "12"
            $0.user = [12, 0, 0]
            $0.effective = []
        },
        DockerGolden("-u 12:34 plain") {
            $0.options.user = "12:34"
            $0.user = [12, 34, 34]
            $0.effective = []
        },
        DockerGolden("-t plain /bin/true") {
            $0.options.terminal = true
            $0.options.command = ["/bin/true"]
            $0.arguments = ["/bin/true"]
            $0.environment = [path, "TERM=xterm"]
        },
        DockerGolden(
            "-m 64m --cpus 1.5 --pids-limit 10 --cpuset-cpus 0 --cpu-shares 512 --memory-reservation 32m --shm-size 128m plain"
        ) {
            $0.options.resources.memory = 64 << 20
            $0.options.resources.memoryReservation = 32 << 20
            $0.options.resources.cpus = 1.5
            $0.options.resources.cpuShares = 512
            $0.options.resources.cpusetCPUs = "0"
            $0.options.resources.pids = 10
            $0.options.sharedMemorySize = 128 << 20
            $0.resources.memory = .init(limit: 67_108_864, reservation: 33_554_432, swap: 134_217_728)
            $0.resources.cpu = .init(shares: 512, quota: 150_000, period: 100_000, cpus: "0")
            $0.resources.pids = .init(limit: 10)
            $0.sharedMemory = "size=134217728"
        },
        DockerGolden("--cap-drop ALL --cap-add NET_ADMIN plain") {
            $0.options.security.droppedCapabilities = ["ALL"]
            $0.options.security.addedCapabilities = ["NET_ADMIN"]
            $0.capabilities = ["CAP_NET_ADMIN"]
            $0.effective = ["CAP_NET_ADMIN"]
        },
        DockerGolden("--read-only --tmpfs /t:size=1m plain") {
            $0.options.readOnlyRoot = true
            $0.options.mounts = [.temporary(destination: "/t", size: 1 << 20)]
            $0.readOnly = true
            $0.temporary = "size=1048576"
        },
        DockerGolden("--ulimit nofile=100:200 --oom-score-adj 100 plain") {
            $0.options.resourceLimits = [.init(type: "RLIMIT_NOFILE", soft: 100, hard: 200)]
            $0.options.oomScoreAdjustment = 100
            $0.limits = [.init(type: "RLIMIT_NOFILE", soft: 100, hard: 200)]
            $0.score = 100
        },
    ]
}
