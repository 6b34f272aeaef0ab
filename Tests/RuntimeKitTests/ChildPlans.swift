import CLinux
import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Plans written by hand, as the compiler of runtime configurations would, for tests of the child alone.
enum ChildPlans {
    /// A container with namespaces of its own on a root directory, without cgroups.
    static func full(root: FilePath, _ arguments: [String]) -> LaunchPlan {
        var plan = LaunchPlan(containerID: "test", process: process(arguments))
        plan.namespaces.new =
            ck_CLONE_NEWNS | ck_CLONE_NEWPID | ck_CLONE_NEWNET | ck_CLONE_NEWIPC | ck_CLONE_NEWUTS
        plan.trees = [
            .bind(
                source: root.string, recursive: false, set: 0, clear: 0, attributesRecursive: false,
                propagation: ck_MS_PRIVATE, field: "root"),
            .fileSystem(
                type: "tmpfs", source: "tmpfs", options: [MountOption("mode", "755")],
                attributes: UInt64(MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME)),
            .fileSystem(
                type: "devpts", source: "devpts",
                options: [MountOption("newinstance"), MountOption("ptmxmode", "0666"), MountOption("mode", "0620")],
                attributes: UInt64(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)),
        ]
        plan.steps = [
            .setPropagation(ck_MS_SLAVE | ck_MS_REC),
            .attachRoot(tree: 0),
            .mount(
                type: "proc", source: "proc", target: "/proc", options: [],
                attributes: UInt64(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)),
            .attach(tree: 1, target: "/dev"),
            .attach(tree: 2, target: "/dev/pts"),
            .makeDevice(path: "/dev/null", type: .character, major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0),
            .makeDevice(path: "/dev/zero", type: .character, major: 1, minor: 5, mode: 0o666, uid: 0, gid: 0),
            .symlink(target: "pts/ptmx", path: "/dev/ptmx"),
            .symlink(target: "/proc/self/fd/1", path: "/dev/stdout"),
            .maskPaths(["/proc/kcore", "/proc/version", "/proc/acpi", "/proc/scsi", "/proc/nothing", "/sys/firmware"]),
            .makeReadOnly(["/proc/sys", "/proc/bus", "/proc/nothing"]),
            .pivotRoot,
            .setHostname("inside"),
            .setDomainname("example"),
            .raiseLoopback,
        ]
        return plan
    }

    static func process(_ arguments: [String]) -> ProcessPlan {
        var process = ProcessPlan(arguments: arguments)
        process.environment = ["PATH=/usr/bin:/bin", "HOME=/root"]
        process.capabilities.bounding = 0xa804_25fb
        process.capabilities.permitted = 0xa804_25fb
        process.capabilities.effective = 0xa804_25fb
        return process
    }

    /// One plan that has something in every field and every case.
    static func everything() -> LaunchPlan {
        var plan = full(root: "/nowhere", ["sh", "-c", "true"])
        plan.flavour = .oci
        plan.namespaces.newCgroup = true
        plan.namespaces.joined = [.init(type: ck_CLONE_NEWNET, path: "/proc/1/ns/net")]
        plan.namespaces.userMappings = [.init(container: 0, host: 1000, size: 1)]
        plan.namespaces.groupMappings = [.init(container: 0, host: 1000, size: 65536)]
        plan.namespaces.monotonicOffset = .init(seconds: -1, nanoseconds: 7)
        plan.namespaces.boottimeOffset = .init(seconds: 1, nanoseconds: 0)
        plan.cgroup = CgroupPlan(directories: [
            .init(
                path: "/sys/fs/cgroup/x", isUnified: true,
                writes: [.init(file: "memory.max", value: "1", field: "linux.resources", isOptional: true)],
                deviceProgram: [UInt8](repeating: 1, count: 16))
        ])
        plan.trees.append(
            .overlay(
                lower: ["/a", "/b"], upper: "/u", work: nil, options: [MountOption("volatile"), MountOption("a", "b")],
                attributes: 1))
        plan.steps += [
            .setAttributes(target: "/", set: 1, clear: 2, recursive: true),
            .setTargetPropagation(target: "/x", flags: 4), .makeDirectory(path: "/y", mode: 0o700), .bindConsole,
            .setSysctl(name: "net.ipv4.ip_forward", value: "1"), .copyUp(tree: 1, target: "/dev", isWhole: true),
        ]
        plan.idMappedTrees = [
            IDMappedTree(
                tree: 0, recursive: true, userMappings: [.init(container: 0, host: 1, size: 2)],
                groupMappings: [.init(container: 3, host: 4, size: 5)])
        ]
        plan.netDevices = [NetDevicePlan(name: "eth1", newName: "eth0")]
        plan.namespaces.isUnprivileged = true
        plan.process.keepsGroups = true
        plan.process.memoryPolicy = MemoryPolicyPlan(mode: 2, nodes: "0")
        plan.process.listener = SeccompListenerPlan(path: "/run/listener", state: ["{", "}"])
        plan.process.additionalGroups = [1, 2]
        plan.process.limits = [.init(resource: 7, soft: 1, hard: .max)]
        plan.process.oomScoreAdjust = -5
        plan.process.seccompProgram = [UInt8](repeating: 6, count: 24)
        plan.process.terminal = true
        plan.process.terminalSize = TerminalSize(rows: 24, columns: 80)
        plan.process.apparmorProfile = "profile"
        plan.process.selinuxLabel = "label"
        plan.process.scheduler = SchedulerPlan(policy: 3)
        plan.process.ioPriority = 0x4001
        plan.process.personality = 8
        plan.process.cpuAffinity = "0-1"
        return plan
    }
}

/// Runs plans through the probe, a program with one thread.
struct LaunchProbe {
    let directory: FilePath

    /// Beside the test bundle.
    static var path: String {
        let own = Files.link("/proc/self/exe") ?? ""
        // Under `swift test` the executable is a helper of the toolchain; the bundle is among its arguments.
        let candidates = [own] + CommandLine.arguments
        for candidate in candidates where candidate == own || candidate.contains(".build") {
            let probe = FilePath(candidate).removingLastComponent().appending("LaunchProbe")
            if Files.exists(probe) { return probe.string }
        }
        return ".build/debug/LaunchProbe"
    }

    /// - Parameter around: a command that runs the probe.
    func run(
        _ mode: String = "run", _ plan: LaunchPlan, _ arguments: [String] = [], around: [String] = []
    ) throws -> Command.Result {
        let file = directory.appending("plan-\(UInt32.random(in: .min ... .max))")
        try Files.write(plan.encode(), to: file)
        return try Command(around + [Self.path, mode, file.string] + arguments, timeout: .seconds(20)).run()
    }
}

/// A directory with a busybox root, gone afterwards.
func withProbe(_ body: (LaunchProbe, FilePath) async throws -> Void) async throws {
    try await TestDirectory.with { directory in
        let root = directory.appending("root")
        try TestRootFileSystem.make(at: root)
        try await body(LaunchProbe(directory: directory), root)
    }
}
