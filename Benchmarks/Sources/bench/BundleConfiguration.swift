import OCIModel

/// The configuration that all subjects run: Docker's defaults with limits on memory, processes and processor time.
enum BundleConfiguration {
    static let memory: Int64 = 64 << 20
    static let pids: Int64 = 64
    static let quota: Int64 = 50_000
    static let period: UInt64 = 100_000

    static let capabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
        "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
    ]

    /// `config.json` for a root directory and a command. Peers read it from the bundle, our runtime takes the value.
    static func make(
        root: String, command: [String], cgroup: String, seccomp: RuntimeConfiguration.Seccomp?
    ) -> RuntimeConfiguration {
        typealias Configuration = RuntimeConfiguration
        let process = Configuration.Process(
            user: .init(uid: 0, gid: 0), args: command,
            env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], cwd: "/",
            capabilities: .init(bounding: capabilities, effective: capabilities, permitted: capabilities),
            rlimits: [.init(type: "RLIMIT_NOFILE", soft: 1024, hard: 1024)], noNewPrivileges: true)
        let mounts: [Configuration.MountEntry] = [
            .init(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
            .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"]),
            .init(
                destination: "/dev/pts", type: "devpts", source: "devpts",
                options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            .init(
                destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            .init(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
            .init(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
        ]
        let namespaces: [Configuration.NamespaceType] = [.pid, .network, .mount, .ipc, .uts, .cgroup]
        let linux = Configuration.Linux(
            namespaces: namespaces.map { .init(type: $0) }, cgroupsPath: cgroup,
            // Denied unless it is one of those that every runtime adds, as Docker writes it.
            resources: .init(
                devices: [.init(allow: false, access: "rwm")], memory: .init(limit: memory), cpu: .init(quota: quota, period: period),
                pids: .init(limit: pids)),
            seccomp: seccomp,
            maskedPaths: [
                "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/interrupts",
                "/proc/asound", "/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
            ],
            readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"])
        // The version that all subjects know.
        return Configuration(
            ociVersion: "1.0.2", root: .init(path: root), mounts: mounts, process: process, hostname: "floor", linux: linux)
    }
}
