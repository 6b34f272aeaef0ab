internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
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

    private static func decodedRequest() -> ShimRequest? {
        var process = ProcessPlan(arguments: ["/bin/sh"])
        process.environment = ["PATH=/bin"]
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
        request.removedDirectories = ["/nonexistent/rehearsal"]
        return try? ShimRequest(decoding: request.encode())
    }
}

extension Shim {
    /// The steps that need no container.
    fileprivate func rehearse() {
        makeNonBlocking(nil)
        guard let descriptor = try? OwnedDescriptor.process(getpid()) else { return }
        let own = LaunchedProcess(pid: 1, descriptor: SharedDescriptor(descriptor), terminal: nil)
        let process = ShimProcess(
            id: 0, pid: 1, hostPid: hostPid(of: own), descriptor: own.descriptor, streams: ShimStreams(), startedAt: Self.now())
        if let creator = peers.first { process.reader = (creator, request.creatorPid) }
        processes[0] = process
        let (ends, descriptors) = process.streams.ends
        for peer in peers { peer.send(.started(pid: process.hostPid, streams: ends), descriptors: descriptors) }
        _ = processes.values.first { $0.pid == 2 && !$0.hasEnded }
        _ = CgroupFacts.read([])
        tellAll(.exited(ExitRecord(status: .exited(0), pid: 1, startedAt: 0, endedAt: Self.now())))
        removeEverything()
    }
}
