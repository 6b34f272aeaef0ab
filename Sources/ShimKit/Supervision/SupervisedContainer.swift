internal import CLinux
internal import LinuxSystem
internal import Logging
package import OCIModel
internal import RuntimeChild
internal import RuntimeKit
internal import ShimChild
internal import SpawnKit
internal import Synchronization
internal import SystemPackage

/// A container and the connection to its shim.
package final class SupervisedContainer: Sendable {
    package let id: ContainerID
    /// Outlives this program.
    package let isDurable: Bool
    let directory: RunDirectory
    let supervisor: Supervisor
    let removesItself: Bool
    let cgroupDirectories: [ContainerState.Cgroup]
    private let state: Mutex<State>

    private let started = Outcome<Result<ProcessStreams, ShimError>>()
    /// Nil when it was let go before its end.
    private let exit = Outcome<ExitRecord?>()
    /// The connection has ended, and with it the container or our hold of it; what could not be removed.
    private let gone = Outcome<Errno?>()

    private struct State {
        var connection: ShimConnection?
        /// For naming what failed; let go once the container runs.
        var plan: LaunchPlan?
        var execs: [UInt32: Outcome<ExitRecord>] = [:]
        /// Several programs may be attached at once, or one after another, and a number belongs to one process: each
        /// begins somewhere else.
        var nextExec = UInt32.random(in: 1...UInt32.max)
        var notRemoved: Errno?
        /// Changes with each start.
        var pid: Int32?
        /// Streams of this program, by process, to be revoked when somebody takes them over.
        var streams: [UInt32: ProcessStreams] = [:]
        var observers: [@Sendable (SupervisedEvent) -> Void] = []
        /// The connection was ended on this side.
        var isLetGo = false
    }

    init(_ launch: ContainerLaunch, directory: RunDirectory, supervisor: Supervisor) {
        id = launch.id
        isDurable = launch.isDurable
        removesItself = launch.removesItself
        cgroupDirectories = launch.plan.cgroup?.directories.map { .init(path: $0.path, isUnified: $0.isUnified) } ?? []
        self.directory = directory
        self.supervisor = supervisor
        state = Mutex(State(plan: launch.plan))
    }

    /// For one that runs already, or has ended.
    init(_ found: FoundContainer, directory: RunDirectory, supervisor: Supervisor) {
        id = found.id
        isDurable = found.state.isDurable
        removesItself = found.state.removesItself
        cgroupDirectories = found.state.cgroups
        self.directory = directory
        self.supervisor = supervisor
        var state = State()
        if case .supervised(let pid) = found.status { state.pid = pid }
        self.state = Mutex(state)
    }

    func connect(_ socket: consuming OwnedDescriptor) throws(Errno) {
        let connection = try ShimConnection(socket, reactor: supervisor.reactor) { [weak self] event, descriptors in
            self?.handle(event, descriptors)
        }
        state.withLock { $0.connection = connection }
    }

    /// Lets go of the shim. A throwaway container ends with it.
    /// Nothing is heard of a durable one after this: who still waits for its end is told `.closed`.
    package func close() {
        let connection = state.withLock { state in
            state.isLetGo = true
            return state.connection
        }
        connection?.close()
    }

    /// Lets go of a shim that may or may not have been made: if it was, it removes itself, durable or not.
    func abandon() {
        state.withLock { $0.connection }?.post(.delete)
        close()
    }

    // MARK: facts

    /// Process id of the first process on the host.
    package var pid: Int32? { state.withLock { $0.pid } ?? streamsOfStart?.pid }

    /// Standard output, and what a terminal shows. Empty when it goes elsewhere.
    package var standardOutput: ContainerOutput { streamsOfStart?.output ?? .empty(supervisor.reactor) }
    /// Standard error; empty with a terminal.
    package var standardError: ContainerOutput { streamsOfStart?.error ?? .empty(supervisor.reactor) }
    /// Standard input; nil when it is not ours to write.
    package var standardInput: ContainerInput? { streamsOfStart?.input }

    private var streamsOfStart: ProcessStreams? {
        guard case .success(let streams)? = started.resolved else { return nil }
        return streams
    }

    // MARK: events, on the reactor's thread

    private func handle(_ event: ShimEvent?, _ descriptors: [SharedDescriptor]) {
        switch event {
        case .created(let pid, let ends), .started(let pid, let ends):
            let streams = ProcessStreams(pid: pid, ends, descriptors, container: self, process: 0)
            if started.resolve(.success(streams)) { state.withLock { $0.streams[0] = streams } }
            state.withLock { $0.pid = pid }
            if case .started = event {
                state.withLock { $0.plan = nil }
                tell(.started(pid: pid))
            }
        case .failed(let failure):
            let plan = state.withLock { $0.plan }
            let cause: any Error = plan.map { RuntimeError(failure, of: $0) } ?? failure
            started.resolve(.failure(ShimError(.launchFailed, container: id, "the process could not be made", cause: cause)))
        case .exited(let record):
            exit.resolve(record)
            tell(.exited(ProcessExit(record)))
        case .execExited(let process, let record):
            state.withLock { $0.execs.removeValue(forKey: process) }?.resolve(record)
        case .paused: tell(.paused)
        case .resumed: tell(.resumed)
        case .restarting(let count, let record): tell(.restarting(count: Int(count), ProcessExit(record)))
        case .takenOver(let process, let holder): state.withLock { $0.streams.removeValue(forKey: process) }?.revoke(holder: holder, of: id)
        case .removed: gone.resolve(nil)
        case .notRemoved(let errno): state.withLock { $0.notRemoved = errno }
        case .reply, .unknown: break
        case nil: ended()
        }
    }

    /// The shim closed its connection: it has ended, in order or not. What happened stands in the record, or a sweep
    /// makes it so.
    private func ended() {
        let execs = state.withLock { state in
            defer { state.execs = [:] }
            return Array(state.execs.values)
        }
        let isLetGo = state.withLock { $0.isLetGo }
        // A durable container goes on; its end is for the next who attaches.
        if isDurable && exit.resolved == nil && isLetGo {
            exit.resolve(nil)
            gone.resolve(nil)
            return
        }
        let known = exit.resolved ?? nil
        let failed = if case .failure? = started.resolved { true } else { false }
        // Whoever lets go leaves the rest to the shim.
        if gone.resolved != nil || failed || isLetGo || (exit.resolved != nil && !removesItself) {
            settle(known, execs)
            return
        }
        Task {
            var record: ExitRecord?
            do {
                record = try await supervisor.recordOfEnded(directory)
            } catch {
                supervisor.logger.error("Container \(id) could not be cleaned up: \(error)")
                state.withLock { $0.notRemoved = (error as? Errno) ?? .ioError }
            }
            settle(record, execs)
        }
    }

    /// For a container found with its record.
    func hasEnded(_ record: ExitRecord) { exit.resolve(record) }

    /// For a container found without a shim: its record, or what a sweep says.
    func settleFromFiles() async {
        let record = try? await supervisor.recordOfEnded(directory)
        settle(record, [])
    }

    private func settle(_ record: ExitRecord?, _ execs: [Outcome<ExitRecord>]) {
        let record = record ?? ExitRecord(status: .supervisorLost, pid: 0, startedAt: 0, endedAt: Supervisor.now())
        started.resolve(
            .failure(ShimError(.supervisorLost, container: id, "its shim ended before the container was made")))
        exit.resolve(record)
        for exec in execs { exec.resolve(ExitRecord(status: .supervisorLost, pid: 0, startedAt: 0, endedAt: record.endedAt)) }
        gone.resolve(state.withLock { $0.notRemoved })
    }

    // MARK: life

    /// Waits until the container is made. When the task is cancelled, it is removed.
    package func launched() async throws(ShimError) {
        do throws(CancellationError) { _ = try await started.value() } catch { throw await removed() }
        try await expectStarted()
    }

    /// Waits until the container has been made, has ended, and nothing is left of it, which is one wait instead of three. For containers
    /// that remove themselves and whose streams nobody reads. When the task is cancelled, it is removed.
    /// - Throws: what `launched()`, `wait()` and `waitUntilRemoved()` do.
    func ranToItsEnd() async throws(ShimError) -> ProcessExit {
        do throws(CancellationError) { _ = try await gone.value() } catch { throw await removed() }
        try await expectStarted()
        try await waitUntilRemoved()
        return try await wait()
    }

    /// After a cancelled wait for its start.
    private func removed() async -> ShimError {
        await removeUncancelled()
        return ShimError(.cancelled, container: id, "it was cancelled while it was made")
    }

    private func expectStarted() async throws(ShimError) {
        guard case .failure(let error)? = started.resolved else { return }
        // Of a launch that failed the shim has undone everything before it said so; of one without a shim nobody has.
        if error.code == .spawnFailed { await supervisor.discardUncancelled(directory) }
        throw error
    }

    /// The spawner could not make the shim; or has died, perhaps between its fork and its answer.
    func wasNotSpawned(_ error: SpawnError) {
        let failure = ShimError(.spawnFailed, container: id, "the shim could not be started", cause: error)
        if started.resolve(.failure(failure)) { abandon() }
    }

    /// A parked container goes on.
    /// - Throws: `.launchFailed` when the program cannot be executed; nothing is left of the container then.
    package func start() async throws(ShimError) {
        switch try await ask(.start) {
        case .done: state.withLock { $0.plan = nil }
        case .launchFailed(let failure):
            let plan = state.withLock { $0.plan }
            let cause: any Error = plan.map { RuntimeError(failure, of: $0) } ?? failure
            throw ShimError(.launchFailed, container: id, "the process could not be made", cause: cause)
        case let reply: throw error(for: reply, "start")
        }
    }

    /// Waits for the end of the first process.
    package func wait() async throws(ShimError) -> ProcessExit {
        do throws(CancellationError) {
            if let record = try await exit.value() { return ProcessExit(record) }
        } catch { throw ShimError(.cancelled, container: id, "the wait was cancelled") }
        throw ShimError(.closed, container: id, "this program let go of it before it ended")
    }

    /// The exit, when it is known.
    package var exited: ProcessExit? { (exit.resolved ?? nil).map { ProcessExit($0) } }

    /// Its shim has ended: nothing of it changes any more, its log neither.
    package var isGone: Bool { gone.resolved != nil }

    /// Waits until nothing is left of a container that removes itself.
    /// - Throws: `.removalFailed`.
    package func waitUntilRemoved() async throws(ShimError) {
        let errno: Errno?
        do throws(CancellationError) { errno = try await gone.value() } catch {
            throw ShimError(.cancelled, container: id, "the wait was cancelled")
        }
        if let errno { throw ShimError(.removalFailed, container: id, errno: errno, "something of it could not be removed") }
    }

    /// Sends a signal to the first process, or to every process.
    package func signal(_ signal: Signal, toAll: Bool = false) async throws(ShimError) {
        try await expectDone(.signal(process: 0, number: signal.rawValue, all: toAll), "signal")
    }

    /// Asks the first process to end, and kills everything when it has not within `gracePeriod`.
    package func stop(_ signal: Signal, gracePeriod: Duration) async throws(ShimError) -> ProcessExit {
        if let exited { return exited }
        do throws(ShimError) {
            // Whatever its policy: what was asked for is its end.
            try await expectDone(.forbidRestart, "stop")
            if let exited { return exited }
            try await self.signal(signal)
            if let exit = try await wait(atMost: gracePeriod) { return exit }
            try await self.signal(.kill, toAll: true)
        } catch {
            // It ended meanwhile: what was asked for.
            guard error.code == .wrongState || error.errno == .noSuchProcess else { throw error }
        }
        return try await wait()
    }

    private func wait(atMost limit: Duration) async throws(ShimError) -> ProcessExit? {
        let exit = self.exit
        let record = await withTaskGroup(of: ExitRecord?.self) { group in
            group.addTask { try? await exit.value() }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        if Task.isCancelled { throw ShimError(.cancelled, container: id, "the stop was cancelled") }
        return record.map { ProcessExit($0) }
    }

    /// Kills what runs, removes everything, and returns when nothing is left.
    /// - Throws: `.removalFailed`.
    package func delete() async throws(ShimError) {
        do {
            if try await connectionOrNil()?.ask(.delete) != nil {
                try await waitUntilRemoved()
                return
            }
            // No shim: what it left is ours to remove.
            let directory = directory
            let bootID = supervisor.bootID
            // Its lock goes a moment after its sockets.
            for attempt in 0..<200 {
                let isDone = try await supervisor.onThread { () throws(ShimError) in
                    do { return try Sweep(directory: directory, bootID: bootID).delete() } catch {
                        throw ShimError(
                            .removalFailed, container: directory.container, errno: error as? Errno,
                            "something of it could not be removed")
                    }
                }
                if isDone { return }
                try await Task.sleep(for: .milliseconds(attempt < 10 ? 1 : 10))
            }
            throw ShimError(.busy, container: id, "its shim does not answer")
        } catch let error as ShimError {
            throw error
        } catch {
            throw ShimError(.cancelled, container: id, "the deletion was cancelled")
        }
    }

    /// Deletes to the end, even when this task is cancelled.
    package func removeUncancelled() async {
        let task = Task { try await self.delete() }
        do { try await task.value } catch {
            supervisor.logger.error("Container \(id) could not be removed: \(error)")
        }
    }

    // MARK: events

    /// Called on the reactor's thread, from now on.
    package func observe(_ observer: @escaping @Sendable (SupervisedEvent) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    private func tell(_ event: SupervisedEvent) {
        for observer in state.withLock({ $0.observers }) { observer(event) }
    }

    /// Streams that an attach brought.
    func keep(_ streams: ProcessStreams, of process: UInt32) { state.withLock { $0.streams[process] = streams } }

    // MARK: commands

    func connectionOrNil() -> ShimConnection? {
        gone.resolved != nil ? nil : state.withLock { $0.connection }
    }

    func ask(_ command: ShimCommand, descriptors: [SharedDescriptor] = []) async throws(ShimError) -> ShimReply {
        try await askWithDescriptors(command, descriptors: descriptors).0
    }

    func askWithDescriptors(
        _ command: ShimCommand, descriptors: [SharedDescriptor] = []
    ) async throws(ShimError) -> (ShimReply, [SharedDescriptor]) {
        guard let connection = connectionOrNil() else {
            throw ShimError(.wrongState, container: id, "the container has ended")
        }
        do throws(CancellationError) {
            guard let answer = try await connection.ask(command, descriptors: descriptors) else {
                throw CancellationError()
            }
            return answer
        } catch {
            if Task.isCancelled { throw ShimError(.cancelled, container: id, "the operation was cancelled") }
            throw ShimError(.wrongState, container: id, "the container has ended")
        }
    }

    func expectDone(_ command: ShimCommand, _ operation: String) async throws(ShimError) {
        let reply = try await ask(command)
        if reply != .done { throw error(for: reply, operation) }
    }

    func error(for reply: ShimReply, _ operation: String) -> ShimError {
        switch reply {
        case .failed(let errno): ShimError(.commandFailed, container: id, errno: errno, "\(operation) failed")
        case .busy(let holder): ShimError(.busy, container: id, "its streams are read by process \(holder)")
        case .wrongState(let state): ShimError(.wrongState, container: id, "\(operation) is not possible while it is \(state)")
        case .unknown:
            ShimError(
                .incompatibleVersion, container: id, "its shim is of a newer version, which answered \(operation) in a way of its own")
        default: ShimError(.commandFailed, container: id, errno: Errno(rawValue: EPROTO), "\(operation) was answered out of turn")
        }
    }

    func newExec() -> (UInt32, Outcome<ExitRecord>) {
        state.withLock { state in
            defer { state.nextExec = state.nextExec == .max ? 1 : state.nextExec + 1 }
            let outcome = Outcome<ExitRecord>()
            state.execs[state.nextExec] = outcome
            return (state.nextExec, outcome)
        }
    }

    func forgetExec(_ process: UInt32) { _ = state.withLock { $0.execs.removeValue(forKey: process) } }
}
