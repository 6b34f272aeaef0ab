internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
internal import Synchronization
internal import SystemPackage

extension CommandRuntime {
    /// Makes a container up to the point where its program could begin, and leaves it waiting for `start`.
    ///
    /// The standard streams of the calling process are the container's, but for one with a terminal.
    /// - Throws: `RuntimeError`; nothing of the container is left then.
    public func create(_ id: ContainerID, _ options: RuntimeCreateOptions) throws(RuntimeError) {
        let creation = try Creation(self, id, options)
        try creation.launch(waitsForStart: true)
    }

    /// Makes a container and starts its program.
    /// - Returns: its first process, to be waited for; then call `delete`.
    /// - Throws: `RuntimeError`; nothing of the container is left then.
    public func run(_ id: ContainerID, _ options: RuntimeCreateOptions) throws(RuntimeError) -> CommandProcess {
        let creation = try Creation(self, id, options)
        return try creation.launch(waitsForStart: false)
    }
}

/// A container that is being made.
struct Creation {
    let runtime: CommandRuntime
    let options: RuntimeCreateOptions
    let directory: StateDirectory
    let bundle: BundleConfiguration
    let plan: LaunchPlan
    /// Of systemd, which it has its cgroup in.
    let scope: ScopePlan?
    let hooks: ContainerHooks
    private let ignoresSignals: Bool
    private(set) var record: ContainerRecord

    /// Reads the bundle and compiles it: nothing is made yet.
    init(_ runtime: CommandRuntime, _ id: ContainerID, _ options: RuntimeCreateOptions) throws(RuntimeError) {
        try SingleThreadedProcess.require()
        self.runtime = runtime
        self.options = options
        directory = StateDirectory(id, root: runtime.root)
        let place = try HostPath.absolute(options.bundle)
        bundle = try BundleConfiguration.read(place.string + "/config.json")
        var configuration = bundle.configuration
        guard let root = configuration.root, !root.path.isEmpty else { throw .invalid("root.path", "is missing") }
        let rootfs = try HostPath.real(
            FilePath(root.path).isAbsolute ? FilePath(root.path) : place.appending(root.path), field: "root.path")
        var scope = try runtime.scope(for: id, in: &configuration)
        var compiler = runtime.compiler()
        compiler.bundle = place.string
        var plan = try compiler.compile(
            configuration, container: id, root: .directory(rootfs), cgroupParent: runtime.cgroupParent(for: configuration))
        plan.flavour = .oci
        scope?.controllers = runtime.cgroups.handedDown(for: plan.cgroup?.directories ?? []).sorted()
        self.scope = scope
        ignoresSignals = compiler.features.ignoresSignals
        hooks = try ContainerHooks(configuration.hooks)
        self.plan = plan
        record = ContainerRecord(
            id: id.description, pid: 0, bundle: place.string, rootfs: rootfs.string, created: Timestamp.now(),
            annotations: configuration.annotations, containerkit: .init(owner: geteuid()))
        record.containerkit.namespaces = plan.namespaces.all
        record.containerkit.cgroups = (plan.cgroup?.directories ?? []).map { directory in
            let freezer = runtime.cgroups.hierarchy(of: "freezer")?.mountPoint
            let freezes = directory.isUnified || freezer.map { directory.path.hasPrefix($0 + "/") } ?? false
            return .init(path: directory.path, unified: directory.isUnified, freezer: freezes)
        }
    }

    @discardableResult
    func launch(waitsForStart: Bool) throws(RuntimeError) -> CommandProcess {
        try make { () throws(RuntimeError) in try launched(waitsForStart) }
    }

    /// Makes the container's state, then its process.
    func make(_ process: () throws(RuntimeError) -> CommandProcess) throws(RuntimeError) -> CommandProcess {
        try directory.make(root: runtime.root)
        do throws(RuntimeError) {
            try directory.write("config.json", bundle.bytes)
            // Names the cgroups before they are made: whatever happens next, `delete` finds them.
            try directory.write("state.json", Array(record.text.utf8))
            return try process()
        } catch {
            var error = error
            do throws(RuntimeError) { try directory.remove() } catch let second { error.suppressed.append(second) }
            throw error
        }
    }

    private func launched(_ waitsForStart: Bool) throws(RuntimeError) -> CommandProcess {
        if let scope {
            do throws(LaunchFailure) { try TransientScope.enter(scope) } catch { throw RuntimeError(error, of: plan) }
        } else if let cgroup = plan.cgroup {
            try runtime.cgroups.prepare(for: cgroup)
        }
        var hasLeft = false
        func leaveScope() {
            if let scope, !hasLeft { runtime.leave(scope) }
            hasLeft = true
        }
        defer { leaveScope() }
        var command = CommandLaunch()
        command.preservedDescriptors = options.preservedDescriptors
        command.resetsSignals = ignoresSignals
        command.keepsSessionKeyring = options.keepsSessionKeyring
        command.mayChroot = options.mayChroot
        if waitsForStart { command.startGate = try gate() }
        let outcome = addHooks(to: &command)
        let parked: ParkedContainer
        do throws(LaunchFailure) { parked = try Launcher.create(plan, streams: nil, command: command) } catch {
            throw outcome.error.withLock { $0 } ?? RuntimeError(error, of: plan)
        }
        // Before others are told: with this process in it, the scope would outlive the container.
        leaveScope()
        do throws(RuntimeError) {
            try announce(parked.container.process)
            if waitsForStart {
                parked.leave()
            } else {
                do throws(LaunchFailure) { try parked.start() } catch { throw RuntimeError(error, of: plan) }
                try runtime.runPoststartHooks(hooks, record, parked.container.process.pid)
            }
        } catch {
            parked.abandon()
            try? parked.container.process.descriptor.sendSignal(SIGKILL)
            try? CgroupRemoval.remove(parked.container.cgroups)
            throw error
        }
        return CommandProcess(parked.container.process, handsOverTerminal: options.consoleSocket != nil)
    }

    private func addHooks(to command: inout CommandLaunch) -> HookOutcome {
        let outcome = HookOutcome()
        command.containerHooks = hooks.container
        command.startHooks = hooks.start
        command.hookState = ContainerHooks.state(record, .creating)
        if hooks.runtime.isEmpty { return outcome }
        let (list, record) = (hooks.runtime, record)
        command.runtimeHooks = { process in
            do throws(RuntimeError) {
                try ContainerHooks.run(list, state: ContainerHooks.state(record, .creating, pid: process.pid))
                return true
            } catch {
                outcome.error.withLock { $0 = error }
                return false
            }
        }
        return outcome
    }

    /// Those of a restored container, which tell their failure themselves.
    func runRuntimeHooks(_ pid: Int32) throws(RuntimeError) {
        if hooks.runtime.isEmpty { return }
        try ContainerHooks.run(hooks.runtime, state: ContainerHooks.state(record, .creating, pid: pid))
    }

    /// Everything that others are told before the process goes on.
    /// - Parameter namespaces: `CLONE_NEW…` of what a further process joins besides.
    func announce(_ process: LaunchedProcess, joins namespaces: UInt64 = 0) throws(RuntimeError) {
        var record = record
        record.containerkit.namespaces |= namespaces
        record.pid = process.pid
        record.containerkit.startTime = ProcessStat(process.pid)?.startTime ?? 0
        try directory.replace(record)
        if let socket = options.consoleSocket, let terminal = process.terminal {
            try DescriptorSocket.send(terminal, to: socket, field: "console socket", text: "/dev/ptmx")
        }
        if let socket = options.pidfdSocket {
            try DescriptorSocket.send(process.descriptor, to: socket, field: "pidfd socket", text: "pidfd")
        }
        if let file = options.pidFile { try PidFile.write(process.pid, to: file) }
    }

    private func gate() throws(RuntimeError) -> SharedDescriptor {
        guard mkfifo(directory.fifo, 0o600) == 0 else {
            throw RuntimeError(
                .processSetupFailed, .path(FilePath(directory.fifo)), "the FIFO cannot be made", errno: Errno(rawValue: errno))
        }
        do throws(Errno) { return SharedDescriptor(try .open(directory.fifo, flags: O_RDWR | O_NOFOLLOW)) } catch {
            throw RuntimeError(.processSetupFailed, .path(FilePath(directory.fifo)), "the FIFO cannot be opened", errno: error)
        }
    }
}

extension CommandRuntime {
    /// Relative cgroup paths, and containers without one, lie below the root of each hierarchy; nil where none can be made and none is
    /// asked for.
    func cgroupParent(for configuration: RuntimeConfiguration) -> CgroupParent? {
        if cgroups.mode == .none { return nil }
        if geteuid() == 0 { return .root }
        return try? CgroupParent.delegated(on: cgroups)
    }
}
