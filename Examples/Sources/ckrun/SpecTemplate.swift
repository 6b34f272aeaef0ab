/// The configuration that `spec` writes: a shell in all namespaces, three capabilities, no filter.
enum SpecTemplate {
    static func text(isRootless: Bool, uid: UInt32, gid: UInt32) -> String {
        let capabilities = "[\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"
        let namespaces =
            ["pid", "network", "ipc", "uts", "mount", "cgroup"].filter { !isRootless || $0 != "network" } + (isRootless ? ["user"] : [])
        let list = namespaces.map { "            {\"type\": \"\($0)\"}" }.joined(separator: ",\n")
        let maps =
            isRootless
            ? """

                    "uidMappings": [{"containerID": 0, "hostID": \(uid), "size": 1}],
                    "gidMappings": [{"containerID": 0, "hostID": \(gid), "size": 1}],
            """ : ""
        let sys =
            isRootless
            ? "{\"destination\": \"/sys\", \"type\": \"none\", \"source\": \"/sys\", \"options\": [\"rbind\", \"nosuid\", \"noexec\", \"nodev\", \"ro\"]}"
            : "{\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\", \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]}"
        let pts = isRootless ? "" : ", \"gid=5\""
        let resources = isRootless ? "" : "\n        \"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},"
        let cgroup =
            isRootless
            ? ""
            : ",\n        {\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\", \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]}"
        return """
            {
                "ociVersion": "1.3.0",
                "process": {
                    "terminal": true,
                    "user": {"uid": 0, "gid": 0},
                    "args": ["sh"],
                    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
                    "cwd": "/",
                    "capabilities": {
                        "bounding": \(capabilities),
                        "effective": \(capabilities),
                        "permitted": \(capabilities)
                    },
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
                    "noNewPrivileges": true
                },
                "root": {"path": "rootfs", "readonly": true},
                "hostname": "ckrun",
                "mounts": [
                    {"destination": "/proc", "type": "proc", "source": "proc"},
                    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"\(pts)]},
                    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
                    {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"]},
                    \(sys)\(cgroup)
                ],
                "linux": {\(resources)\(maps)
                    "namespaces": [
            \(list)
                    ],
                    "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
                    "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
                }
            }

            """
    }
}
