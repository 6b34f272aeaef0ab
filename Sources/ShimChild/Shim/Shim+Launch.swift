internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

extension Shim {
    /// Makes the streams and the container, and tells the creator.
    func launch() {
        do throws(LaunchFailure) {
            let plan: LaunchPlan
            do throws(FrameError) { plan = try LaunchPlan(decoding: request.plan) } catch {
                throw LaunchFailure(.decodePlan, errno: Errno(rawValue: EBADMSG))
            }
            hasInit = plan.process.reapsChildren
            if request.restart == nil { request.plan = [] }
            // Once: it stays there when the container is started again.
            if let scope = request.scope.take() { try TransientScope.enter(scope) }
            var held = ShimStreams()
            let streams: StandardStreams?
            do throws(Errno) {
                if directory == nil { try prepare() }
                if let log = request.log, log.form == .file, bounded == nil { bounded = try BoundedFile(log) }
                streams =
                    plan.process.terminal
                    ? nil
                    : try ShimStreams.make(
                        request.streams, given: given, uid: plan.process.uid, gid: plan.process.gid, held: &held)
            } catch {
                throw LaunchFailure(.standardStreams, errno: error)
            }
            if request.restart == nil { given = [] }
            if request.isParked {
                let parked = try Launcher.create(plan, streams: streams, ahead: ShimPreparation.take())
                self.parked = parked
                adopt(parked.container, held)
                announce { .created(pid: $0, streams: $1) }
            } else {
                let isAgain = restart.count > 0
                adopt(try Launcher.run(plan, streams: streams, ahead: ShimPreparation.take(), isAgain: isAgain), held)
                state = .running
                announce { .started(pid: $0, streams: $1) }
            }
        } catch {
            if restart.count > 0 { relaunchFailed() } else { fail(error) }
        }
    }

    private func prepare() throws(Errno) {
        let directory = try ShimDirectory(request)
        self.directory = directory
        if request.isAttachable { listener = SharedDescriptor(try directory.listen()) }
        try watchChildren()
    }

    /// One copy of it, whose constants are made in the rehearsal.
    @inline(never)
    func watchChildren() throws(Errno) { childSignal = SharedDescriptor(try .blockedSignals([SIGCHLD])) }

    func adopt(_ container: LaunchedContainer, _ held: ShimStreams) {
        self.container = container
        var streams = held
        streams.terminal = container.process.terminal
        makeNonBlocking(streams.terminal)
        let process = ShimProcess(
            id: 0, pid: container.process.pid, hostPid: hostPid(of: container.process), descriptor: container.process.descriptor,
            streams: streams, startedAt: Self.now())
        processes[0] = process
        if let log = request.log, log.form != .file { return startLogger(log, process) }
        if let creator = peers.first(where: \.isCreator) { process.reader = (creator, request.creatorPid) }
    }

    /// Every holder of a pty master shares one open file description, so its flag is set once, here.
    func makeNonBlocking(_ terminal: SharedDescriptor?) {
        if let terminal { _ = ck_fcntl(terminal.rawValue, F_SETFL, Int(O_RDWR | O_NONBLOCK)) }
    }

    func hostPid(of process: LaunchedProcess) -> Int32 { (try? process.descriptor.hostPid()) ?? 0 }

    /// Tells the creator, with the streams; a throwaway container's are then the creator's alone.
    func announce(_ event: (Int32, StreamEnds) -> ShimEvent) {
        guard let process = processes[0] else { return }
        do throws(Errno) { try directory?.writePid(process.hostPid, bootID: request.bootID) } catch {
            return abandon(LaunchFailure(.standardStreams, errno: error))
        }
        let (ends, descriptors) = process.streams.ends
        for peer in peers { peer.send(event(process.hostPid, ends), descriptors: descriptors) }
        if !request.isDurable, !request.isAttachable {
            let held = process.streams
            process.streams = ShimStreams()
            process.streams.terminal = held.terminal  // kept for resizing
            process.streams.logged = held.logged
        }
    }

    /// A parked container goes on to its execve.
    func start() -> ShimReply {
        guard let parked, state == .created else { return .wrongState(state) }
        self.parked = nil
        do throws(LaunchFailure) {
            try parked.start()
        } catch {
            fail(error)
            return .launchFailed(error)
        }
        state = .running
        tellAll(.started(pid: processes[0]?.hostPid ?? 0, streams: []))
        return .done
    }

    private func abandon(_ failure: LaunchFailure) {
        if let container {
            CgroupRemoval.killAll(container.cgroups)
            try? container.process.descriptor.sendSignal(SIGKILL)
            while (try? ReapedProcess.wait(for: .any, blocking: true)) != nil {}
            try? CgroupRemoval.remove(container.cgroups)
        }
        fail(failure)
    }

    /// The launcher has undone what it did; the directories are undone here, then the creator is told.
    private func fail(_ failure: LaunchFailure) {
        container = nil
        processes = [:]
        let removal = removeDirectories()
        tellAll(.failed(failure))
        if let removal { tellAll(.notRemoved(removal)) }
        exitStatus = 0
    }

    /// Nanoseconds since 1970.
    static func now() -> Int64 { KernelClock.realtime() }
}
