internal import CLinux
internal import LinuxSystem
package import RuntimeChild
internal import SystemPackage

/// Goes once through what every shim does between its request and its end, with nothing that shows outside.
///
/// Swift makes metadata and looks up conformances where they are first used, and the kernel maps pages where they are first touched. Done
/// in the spawner, the former is there in every fork; done in a spare, the latter is no part of a launch.
package enum ShimRehearsal {
    /// - Returns: whether it went to its end; a shim works without it, only later.
    @discardableResult
    package static func run() -> Bool {
        guard let pair = try? SocketPair(), let near = try? pair.near.duplicate(), let host = try? OwnedDescriptor.process(getpid()),
            let lock = try? OwnedDescriptor.open("/dev/null", flags: O_RDONLY)
        else { return false }
        guard let request = decodedRequest(), let plan = try? LaunchPlan(decoding: request.plan) else { return false }
        Launcher.rehearse(plan)
        let shim = Shim(request, creator: near, host: host, lock: lock, streams: DescriptorList())
        shim.rehearse()
        var last: ShimEvent?
        while let message = try? pair.far.receive(nonBlocking: true) { last = try? ShimEvent(decoding: message.bytes) }
        return last == .removed
    }

    /// Launches a container up to its program, which is not there. In the spawner only: what Swift makes of types, of which a launch needs
    /// some hundred, is then there for all forks, which would each keep pages of their own for it.
    /// - Returns: whether it came as far as that; without rights over the host it does not.
    @discardableResult
    package static func launch(_ ahead: LaunchPreparation = LaunchPreparation()) -> Bool {
        var process = ProcessPlan(arguments: ["rehearsal"])
        process.environment = ["PATH=/bin"]
        process.capabilities.bounding = .max
        process.limits = [ResourceLimit(resource: 7, soft: 1024, hard: 1024)]
        process.seccompProgram = allowAll
        var plan = LaunchPlan(containerID: "rehearsal", process: process)
        plan.namespaces.new = ck_CLONE_NEWNS | ck_CLONE_NEWPID | ck_CLONE_NEWUTS
        plan.trees = [
            .fileSystem(type: "tmpfs", source: "tmpfs", options: [MountOption("mode", "755")], attributes: 0),
            .bind(source: "/proc", recursive: false, set: 1, clear: 0, attributesRecursive: false, propagation: slave, field: ""),
        ]
        plan.steps = [
            .setPropagation(slave | ck_MS_REC), .attachRoot(tree: 0), .attach(tree: 1, target: "/mnt"),
            .mount(type: "proc", source: "proc", target: "/proc", options: [], attributes: 0), .makeDirectory(path: "/dev", mode: 0o755),
            .makeDevice(path: "/dev/null", type: .character, major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0),
            .symlink(target: "/proc/self/fd", path: "/dev/fd"), .maskPaths(["/proc/kcore", "/proc/bus"]), .makeReadOnly(["/proc/sys"]),
            .setAttributes(target: "/", set: 1, clear: 0, recursive: false), .setHostname("rehearsal"),
            .setSysctl(name: "kernel.domainname", value: "rehearsal"), .pivotRoot,
        ]
        do throws(LaunchFailure) { _ = try Launcher.run(plan, streams: nil, ahead: ahead) } catch {
            return error.phase == .exec && error.errno == .noSuchFileOrDirectory
        }
        return false
    }

    /// MS_SLAVE.
    private static let slave: UInt64 = 1 << 19
    /// One instruction: SECCOMP_RET_ALLOW.
    private static let allowAll: [UInt8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]

    private static func decodedRequest() -> ShimRequest? {
        // A name that is looked up, and a text that is longer than most.
        var process = ProcessPlan(arguments: ["sh"])
        process.environment = ["PATH=/usr/bin:/bin", "TEXT=" + String(repeating: "-", count: 300)]
        process.limits = [ResourceLimit(resource: 7, soft: 1024, hard: 1024)]
        process.additionalGroups = [1]
        process.oomScoreAdjust = 0
        process.seccompProgram = [UInt8](repeating: 0, count: 8)
        var plan = LaunchPlan(containerID: "rehearsal", process: process)
        plan.trees = [
            .overlay(lower: ["/"], upper: "/", work: "/", options: [MountOption("a", "b")], attributes: 0),
            .bind(source: "/", recursive: true, set: 0, clear: 0, attributesRecursive: false, propagation: 0, field: ""),
            .fileSystem(type: "tmpfs", source: "tmpfs", options: [MountOption("mode", "755")], attributes: 0),
        ]
        plan.steps = [
            .setPropagation(0), .attachRoot(tree: 0), .attach(tree: 1, target: "/dev"),
            .mount(type: "proc", source: "proc", target: "/proc", options: [], attributes: 0),
            .makeDevice(path: "/dev/null", type: .character, major: 1, minor: 3, mode: 0o666, uid: 0, gid: 0),
            .symlink(target: "/proc/self/fd", path: "/dev/fd"), .maskPaths(["/proc/kcore"]), .makeReadOnly(["/proc/bus"]),
            .setHostname("rehearsal"), .setSysctl(name: "kernel.domainname", value: ""), .raiseLoopback, .pivotRoot,
        ]
        plan.cgroup = CgroupPlan(directories: [
            .init(path: "/", isUnified: false, writes: [.init(file: "pids.max", value: "1", field: "")])
        ])
        var request = ShimRequest(containerID: "rehearsal", runDirectory: "/nonexistent/rehearsal", plan: plan.encode())
        request.keepsRecord = false
        request.removesItself = true
        // Longer than 64 bytes: such strings are made another way.
        request.removedDirectories = ["/nonexistent/" + String(repeating: "rehearsal/", count: 8)]
        return try? ShimRequest(decoding: request.encode())
    }
}

extension Shim {
    /// The steps that need no container.
    fileprivate func rehearse() {
        makeNonBlocking(nil)
        try? watchChildren()
        guard let descriptor = try? OwnedDescriptor.process(getpid()) else { return }
        let own = LaunchedProcess(pid: 1, descriptor: SharedDescriptor(descriptor), terminal: nil)
        adopt(LaunchedContainer(process: own, cgroups: [], namespaces: 0, root: nil), ShimStreams())
        announce { .started(pid: $0, streams: $1) }
        _ = processes.values.first { $0.pid == 2 && !$0.hasEnded }
        conclude(ExitRecord(status: .exited(0), pid: 1, startedAt: 0, endedAt: Self.now()))
    }
}
