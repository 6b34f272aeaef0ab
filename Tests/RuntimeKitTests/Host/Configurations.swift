import OCIModel
import RuntimeChild
import SystemPackage
import Testing

@testable import RuntimeKit

/// Configurations and hosts that the tests of the compiler start from.
enum Configurations {
    /// What is valid and has little in it.
    static var minimal: RuntimeConfiguration {
        var process = RuntimeConfiguration.Process(args: ["true"], env: ["PATH=/bin"], cwd: "/")
        process.noNewPrivileges = true
        return RuntimeConfiguration(
            root: .init(path: "rootfs"),
            mounts: [
                .init(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
                .init(destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
                .init(
                    destination: "/dev/pts", type: "devpts", source: "devpts",
                    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
                .init(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
                .init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]),
                .init(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
                .init(
                    destination: "/dev/shm", type: "tmpfs", source: "shm",
                    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            ],
            process: process, hostname: "inside",
            linux: .init(
                namespaces: [RuntimeConfiguration.NamespaceType.pid, .network, .ipc, .uts, .mount, .cgroup].map { .init(type: $0) },
                maskedPaths: ["/proc/kcore", "/sys/firmware"], readonlyPaths: ["/proc/sys"]))
    }

    static let root = RootSource.directory("/")

    static func compile(
        _ configuration: RuntimeConfiguration, on host: CgroupHost = unified, root: RootSource = root
    ) throws -> LaunchPlan {
        try PlanCompiler(features: features, cgroups: host, seccomp: SeccompCache(directory: nil)).compile(
            configuration, container: try #require(ContainerID("one")), root: root, cgroupParent: CgroupParent("/containerkit-test"))
    }

    /// Changes the minimal configuration and compiles it.
    static func compile(
        on host: CgroupHost = unified, _ change: (inout RuntimeConfiguration) -> Void
    ) throws -> LaunchPlan {
        var configuration = minimal
        change(&configuration)
        return try compile(configuration, on: host)
    }

    /// Changes the minimal configuration's resources, and gives the writes of its cgroups as `file=value`.
    static func writes(on host: CgroupHost, _ change: (inout RuntimeConfiguration.Resources) -> Void) throws -> [String] {
        let plan = try compile(on: host) { configuration in
            var resources = RuntimeConfiguration.Resources()
            change(&resources)
            configuration.linux?.resources = resources
        }
        return (plan.cgroup?.directories ?? []).flatMap(\.writes).filter { !$0.file.hasPrefix("devices.") }.map { "\($0.file)=\($0.value)" }
    }

    /// A host that can do everything, so that what a test sees does not depend on the machine it runs on.
    static var features: HostFeatures {
        HostFeatures(
            release: "6.8.0", kernel: .init(6, 8), architecture: "x86_64", userID: 0, cgroups: unified, answers: .all, lastCapability: 40,
            effective: (1 << 41) - 1, available: (1 << 41) - 1)
    }

    static let unified = CgroupHost(hierarchies: [
        CgroupHierarchy(
            mountPoint: "/nowhere/cgroup", isUnified: true, controllers: ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"], name: nil,
            ownPath: "/")
    ])

    static let legacy = CgroupHost(
        hierarchies: ["cpu,cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb"].map {
            CgroupHierarchy(
                mountPoint: "/nowhere/cgroup/\($0)", isUnified: false, controllers: $0.split(separator: ",").map(String.init), name: nil,
                ownPath: "/")
        })

    static let hybrid = CgroupHost(
        hierarchies: legacy.hierarchies + [
            CgroupHierarchy(mountPoint: "/nowhere/cgroup/unified", isUnified: true, controllers: [], name: nil, ownPath: "/")
        ])
}
