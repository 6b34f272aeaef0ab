internal import CLinux
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

extension Shim {
    /// Makes a further process. Its maker is answered when it has executed its program.
    func exec(
        _ number: UInt32, _ bytes: [UInt8], _ isSealed: Bool, _ plans: StreamPlans, _ descriptors: consuming DescriptorList,
        from peer: ShimPeer, id: UInt64
    ) {
        func refuse(_ reply: ShimReply) { peer.send(.reply(id: id, reply)) }
        // Nothing may be made in a frozen container: it would never report.
        guard let container, state == .running else { return refuse(.wrongState(state)) }
        guard number != 0, processes[number] == nil, !execs.contains(where: { $0.id == number }) else {
            return refuse(.failed(.fileExists))
        }
        var descriptors = descriptors
        do throws(LaunchFailure) {
            let plan = try Self.execPlan(bytes, isSealed, &descriptors)
            var given: [SharedDescriptor] = []
            while let descriptor = descriptors.take() { given.append(SharedDescriptor(descriptor)) }
            var held = ShimStreams()
            let streams: StandardStreams?
            do throws(Errno) {
                streams =
                    plan.process.terminal
                    ? nil : try ShimStreams.make(plans, given: given, uid: plan.process.uid, gid: plan.process.gid, held: &held)
            } catch { throw LaunchFailure(.standardStreams, errno: error) }
            let startedAt = Self.now()
            let starting = try Launcher.beginExec(plan, in: container, streams: streams)
            execs.append(
                ShimExec(
                    id: number, starting, streams: held, hostPid: hostPid(of: starting.process), startedAt: startedAt, peer: peer,
                    command: id))
        } catch { failed(error, peer, id) }
    }

    /// Looks how far a new process has got.
    func advance(_ exec: ShimExec) {
        do throws(LaunchFailure) {
            guard let launched = try exec.starting.advance(waits: false) else { return }
            var held = exec.streams
            held.terminal = launched.terminal
            makeNonBlocking(held.terminal)
            let process = ShimProcess(
                id: exec.id, pid: launched.pid, hostPid: exec.hostPid, descriptor: launched.descriptor, streams: held,
                startedAt: exec.startedAt)
            if peers.contains(where: { $0 === exec.peer }) { process.reader = (exec.peer, 0) }
            processes[exec.id] = process
            let (ends, handed) = held.ends
            exec.peer.send(.reply(id: exec.command, .streams(pid: process.hostPid, ends)), descriptors: handed)
            // The caller's alone from now on, the terminal aside, which is resized here.
            process.streams.output = nil
            process.streams.error = nil
            process.streams.input = nil
        } catch { failed(error, exec.peer, exec.command) }
        execs.removeAll { $0 === exec }
    }

    /// The container has ended, and with it what was about to start.
    func endExecs() {
        for exec in execs {
            exec.starting.end()
            exec.peer.send(.reply(id: exec.command, .wrongState(.stopped)))
        }
        execs = []
        for exec in failedExecs { exec.peer.send(.reply(id: exec.command, .wrongState(.stopped))) }
        failedExecs = []
    }

    private func failed(_ failure: LaunchFailure, _ peer: ShimPeer, _ command: UInt64) {
        if processes[0]?.isOver ?? true { return peer.send(.reply(id: command, .wrongState(.stopped))) }
        // A process cannot be born into a pid namespace whose first has ended: the kernel says ENOMEM. And one that was born before is
        // killed, and has to be reaped before the first itself is seen to have ended.
        if failure.signal == SIGKILL || failure.errno == .noMemory || failure.errno == .noSuchProcess {
            failedExecs.append(FailedExec(failure: failure, peer: peer, command: command, until: KernelClock.monotonic() + 1_000_000_000))
        } else {
            peer.send(.reply(id: command, .launchFailed(failure)))
        }
    }

    /// Tells of those whose container has not ended.
    func answerFailedExecs() {
        let now = KernelClock.monotonic()
        for exec in failedExecs where exec.until <= now { exec.peer.send(.reply(id: exec.command, .launchFailed(exec.failure))) }
        failedExecs.removeAll { $0.until <= now }
    }

    /// Milliseconds until one is due; -1 where there is none.
    var failedExecTimeout: CInt {
        guard let first = failedExecs.first else { return -1 }
        return CInt(clamping: (max(0, first.until - KernelClock.monotonic()) + 999_999) / 1_000_000)
    }

    private static func execPlan(
        _ bytes: [UInt8], _ isSealed: Bool, _ descriptors: inout DescriptorList
    ) throws(LaunchFailure) -> ExecPlan {
        var bytes = bytes
        if isSealed {
            do throws(Errno) {
                guard let memory = descriptors.take() else { throw .badFileDescriptor }
                bytes = try SealedMemory.read(memory, limit: 16 * 1024 * 1024)
            } catch { throw LaunchFailure(.decodePlan, errno: error) }
        }
        do throws(FrameError) {
            return try ExecPlan(decoding: bytes)
        } catch { throw LaunchFailure(.decodePlan, errno: Errno(rawValue: EBADMSG)) }
    }
}
