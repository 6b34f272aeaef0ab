internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
internal import SystemPackage

extension CommandRuntime {
    /// Lets the program of a created container begin.
    /// - Throws: `RuntimeError.Code.wrongState` for a container that is not `created`, `.containerNotFound`.
    public func start(_ id: ContainerID) throws(RuntimeError) {
        let (directory, record) = try record(id)
        switch status(directory, record) {
        case .created: break
        case .stopped: throw .state(id, "cannot start a container that has stopped")
        default: throw .state(id, "cannot start an already running container")
        }
        do throws(Errno) {
            // Without a reader the process is gone meanwhile. What opens the gate is one byte.
            let gate = try OwnedDescriptor.open(directory.fifo, flags: O_WRONLY | O_NONBLOCK | O_NOFOLLOW)
            // First: whoever comes second finds no gate.
            if unlink(directory.fifo) != 0 { throw Errno(rawValue: errno) }
            try gate.write("0")
        } catch {
            if error == .noSuchAddressOrDevice { throw .state(id, "cannot start a container that has stopped") }
            if error == .noSuchFileOrDirectory { throw .state(id, "cannot start an already running container") }
            throw RuntimeError(.processSetupFailed, .container(id), "its start gate cannot be opened", errno: error)
        }
        guard let hooks = try? directory.hooks() else { return }
        do throws(RuntimeError) { try runPoststartHooks(hooks, record, record.pid) } catch {
            try? kill(id, .kill)
            throw error
        }
    }

    func runPoststartHooks(_ hooks: ContainerHooks, _ record: ContainerRecord, _ pid: Int32) throws(RuntimeError) {
        if hooks.poststart.isEmpty { return }
        try ContainerHooks.run(hooks.poststart, state: ContainerHooks.state(record, .running, pid: pid))
    }

    /// A hook that fails stops none of the others (runtime-spec runtime.md, "Lifecycle").
    private func runPoststopHooks(_ hooks: ContainerHooks, _ record: ContainerRecord) {
        for hook in hooks.poststop { try? ContainerHooks.run([hook], state: ContainerHooks.state(record, .stopped, pid: 0)) }
    }

    /// Sends a signal to the first process of a container. Where it has no pid namespace of its own, SIGKILL goes to every process
    /// in its cgroup, since they would outlive the first.
    /// - Parameters:
    ///   - id: the container.
    ///   - signal: the signal.
    ///   - all: send it to every process of the container.
    /// - Throws: `RuntimeError.Code.wrongState` ("container not running") when it has ended, `.containerNotFound`.
    public func kill(_ id: ContainerID, _ signal: Signal, all: Bool = false) throws(RuntimeError) {
        let (directory, record) = try record(id)
        let ownsPids = record.containerkit.namespaces & NamespaceFlag.pid.rawValue != 0
        let cgroups = all || (signal == .kill && !ownsPids) ? openCgroups(record) : []
        if signal == .kill, !cgroups.isEmpty { CgroupRemoval.killAll(cgroups) }
        guard let process = FirstProcess.descriptor(record) else {
            // Engines kill all of a container whose first process has ended.
            if all { return }
            throw .state(id, "container not running")
        }
        do throws(Errno) {
            if all, signal != .kill {
                for pid in CgroupMembers.pids(cgroups) { _ = Glibc.kill(pid, signal.rawValue) }
            } else {
                try process.sendSignal(signal.rawValue)
            }
            // A frozen process of v1 does not die.
            if signal == .kill, status(directory, record) == .paused { try CgroupFreezer.thaw(openCgroups(record)) }
        } catch {
            if error == .noSuchProcess { throw .state(id, "container not running") }
            throw RuntimeError(.notPermitted, .container(id), "the signal cannot be sent", errno: error)
        }
    }

    /// Removes what is left of a stopped container: its cgroups with everything in them, and its state. One that was created and never
    /// started is ended.
    /// - Parameters:
    ///   - id: the container.
    ///   - force: end a running container first; one that does not exist is no error.
    /// - Throws: `RuntimeError.Code.wrongState` for a container that runs, `.containerNotFound`.
    public func delete(_ id: ContainerID, force: Bool = false) throws(RuntimeError) {
        let directory = StateDirectory(id, root: root)
        let record: ContainerRecord?
        do throws(RuntimeError) { record = try directory.read() } catch {
            if force, error.code == .containerNotFound { return }
            throw error
        }
        guard let record else {
            guard force else { throw .state(id, "cannot delete container \(id) that is not stopped: creating", advice: "Use `--force`.") }
            return try directory.remove()
        }
        let status = status(directory, record)
        if status == .running || status == .paused {
            guard force else { throw .state(id, "cannot delete container \(id) that is not stopped: \(status.rawValue)") }
        }
        if status != .stopped { try end(id, record) }
        let cgroups = openCgroups(record)
        do throws(Errno) { try CgroupRemoval.remove(cgroups) } catch {
            throw RuntimeError(
                .cgroupFailed, .container(id), "its cgroups cannot be removed", errno: error, advice: "Something in them does not die.")
        }
        let hooks = try? directory.hooks()
        try directory.remove()
        if let hooks { runPoststopHooks(hooks, record) }
    }

    /// Kills the first process and waits until it is gone, at most ten seconds.
    private func end(_ id: ContainerID, _ record: ContainerRecord) throws(RuntimeError) {
        guard let process = FirstProcess.descriptor(record) else { return }
        let cgroups = openCgroups(record)
        if record.containerkit.namespaces & NamespaceFlag.pid.rawValue == 0 { CgroupRemoval.killAll(cgroups) }
        try? process.sendSignal(SIGKILL)
        try? CgroupFreezer.thaw(cgroups)
        var polled = pollfd(fd: process.rawValue, events: Int16(POLLIN), revents: 0)
        if poll(&polled, 1, 10_000) <= 0 {
            throw .state(id, "container init still running", advice: "It does not die: look for a stuck file system.")
        }
    }

    /// The pids of a container's processes, as this process numbers them.
    /// - Throws: `RuntimeError.Code.containerNotFound`.
    public func processes(_ id: ContainerID) throws(RuntimeError) -> [Int32] {
        let (directory, record) = try record(id)
        let cgroups = openCgroups(record)
        if cgroups.isEmpty { return status(directory, record) == .stopped ? [] : [record.pid] }
        return CgroupMembers.pids(cgroups).sorted()
    }

    /// Freezes every process of a container.
    /// - Throws: `RuntimeError.Code.wrongState` ("container not running").
    public func pause(_ id: ContainerID) throws(RuntimeError) {
        let (directory, record) = try record(id)
        switch status(directory, record) {
        case .running, .created: break
        default: throw .state(id, "container not running")
        }
        do throws(Errno) { try CgroupFreezer.freeze(openCgroups(record)) } catch { throw freezing(id, error) }
    }

    /// Lets a paused container go on.
    /// - Throws: `RuntimeError.Code.wrongState` ("container not paused").
    public func resume(_ id: ContainerID) throws(RuntimeError) {
        let (directory, record) = try record(id)
        guard status(directory, record) == .paused else { throw .state(id, "container not paused") }
        do throws(Errno) { try CgroupFreezer.thaw(openCgroups(record)) } catch { throw freezing(id, error) }
    }

    private func freezing(_ id: ContainerID, _ errno: Errno) -> RuntimeError {
        RuntimeError(
            .cgroupFailed, .container(id), "its processes cannot be frozen or thawed", errno: errno,
            advice: "It needs a cgroup with a freezer.")
    }

    /// Sets limits anew; what is nil stays.
    /// - Throws: `RuntimeError.Code.wrongState`, `.invalidField`, `.hostLacksFeature`, `.cgroupFailed` naming the field.
    public func update(_ id: ContainerID, _ resources: RuntimeConfiguration.Resources) throws(RuntimeError) {
        let (directory, record) = try record(id)
        if status(directory, record) == .stopped { throw .state(id, "container not running") }
        try CgroupUpdate(runtime: self, record: record).apply(resources)
    }

    /// What a container has used.
    /// - Throws: `RuntimeError.Code.containerNotFound`, `.wrongState`.
    public func statistics(_ id: ContainerID) throws(RuntimeError) -> CgroupStatistics {
        let (directory, record) = try record(id)
        if status(directory, record) == .stopped { throw .state(id, "container is not running") }
        return CgroupStatistics(directories: record.containerkit.cgroups.map { ($0.path, $0.unified) })
    }
}
