internal import LinuxSystem
public import OCIModel
public import SystemPackage

/// An OCI runtime for programs with threads: containers that outlive the program, without a shim and without supervision. It can what the
/// command can: a method for each verb, and `RuntimeFeatures` for `features`.
///
/// What makes a process (`create`, `run`, `exec`, `restore`), and `start` and `delete`, which run hooks, are left to a runtime command, since
/// a process with threads cannot be copied; the rest happens here, in threads of its own and never on Swift's cooperative pool. All of it works on the state directories that the command
/// uses too, so both may be mixed. For containers whose output and exit status matter take ShimKit or ContainerKit.
public struct ContainerRuntime: Sendable {
    /// The runtime command.
    public let executable: FilePath
    let runtime: CommandRuntime

    /// - Parameters:
    ///   - executable: `ckrun`, absolute.
    ///   - root: where the containers' state lies; `CommandRuntime.defaultRoot` by default.
    public init(executable: FilePath, root: FilePath? = nil) {
        self.executable = executable
        runtime = CommandRuntime(root: root)
    }

    /// What becomes a process's standard streams; `/dev/null` by default.
    public struct Streams: Sendable, Hashable {
        /// Descriptor 0, open for reading.
        public var input: FileDescriptor?
        /// Descriptor 1, open for writing.
        public var output: FileDescriptor?
        /// Descriptor 2, open for writing. Messages of the command do not go there.
        public var error: FileDescriptor?
        /// Descriptors 3, 4 and so on.
        public var further: [FileDescriptor] = []

        /// The descriptors are the caller's, who keeps them open for the call and closes them.
        /// - Parameters:
        ///   - input: descriptor 0.
        ///   - output: descriptor 1.
        ///   - error: descriptor 2.
        public init(input: FileDescriptor? = nil, output: FileDescriptor? = nil, error: FileDescriptor? = nil) {
            self.input = input
            self.output = output
            self.error = error
        }

        var count: Int { 3 + further.count }
        var numbers: [CInt?] { [input?.rawValue, output?.rawValue, error?.rawValue] + further.map(\.rawValue) }
        var words: [String] { further.isEmpty ? [] : ["--preserve-fds", "\(further.count)"] }
    }

    /// Makes a container whose program waits for `start`.
    /// - Throws: `RuntimeError.Code.commandFailed` with the command's message; nothing of the container is left then.
    public func create(_ id: ContainerID, _ options: RuntimeCreateOptions, streams: Streams = .init()) async throws {
        try await command(["create"] + (try Self.words(options, streams)) + [id.description], streams)
    }

    /// Makes a container and starts its program, which goes on when this returns.
    /// - Throws: as `create`.
    public func run(_ id: ContainerID, _ options: RuntimeCreateOptions, streams: Streams = .init()) async throws {
        try await command(["run", "--detach"] + (try Self.words(options, streams)) + [id.description], streams)
    }

    /// Runs a further process in a container to its end.
    /// - Returns: its exit code, or 128 and the signal.
    /// - Throws: `RuntimeError.Code.commandFailed` when it could not be started.
    public func exec(_ id: ContainerID, _ options: RuntimeExecOptions, streams: Streams = .init()) async throws -> Int32 {
        let (status, message) = try await exec(id, options, streams, [])
        if let message { throw RuntimeError(.commandFailed, .container(id), message) }
        return status
    }

    /// Starts a further process in a container, which goes on when this returns. Who wants to know of it names a `pidFile` or a
    /// `pidfdSocket` in the options; with a terminal a `consoleSocket` is needed.
    /// - Throws: as `exec`.
    public func execDetached(_ id: ContainerID, _ options: RuntimeExecOptions, streams: Streams = .init()) async throws {
        let (status, message) = try await exec(id, options, streams, ["--detach"])
        if status != 0 { throw RuntimeError(.commandFailed, .container(id), message ?? "it ended with status \(status)") }
    }

    private func exec(
        _ id: ContainerID, _ options: RuntimeExecOptions, _ streams: Streams, _ words: [String]
    ) async throws -> (status: Int32, message: String?) {
        let file = try ProcessFile(options.process, from: streams.count)
        let call = RuntimeCommandCall(
            executable: executable.string, root: runtime.root.string,
            words: ["exec"] + words + (try Self.words(options, streams)) + ["--process", file.path, id.description], streams: streams)
        return try await OwnThread.run { try call.run(file.descriptor) }
    }

    /// Lets the program of a created container begin. Throws as `CommandRuntime.start`.
    public func start(_ id: ContainerID) async throws { try await command(["start", id.description], .init()) }

    /// Removes a container. Throws as `CommandRuntime.delete`.
    public func delete(_ id: ContainerID, force: Bool = false) async throws {
        try await command(["delete"] + (force ? ["--force"] : []) + [id.description], .init())
    }

    /// Sends a signal. Throws as `CommandRuntime.kill`.
    public func kill(_ id: ContainerID, _ signal: Signal, all: Bool = false) async throws {
        try await OwnThread.run { [runtime] in try runtime.kill(id, signal, all: all) }
    }

    /// All containers under the root.
    public func list() async throws -> [RuntimeState] { try await OwnThread.run { [runtime] in runtime.list() } }

    /// Where a container is in its life.
    /// - Throws: `RuntimeError.Code.containerNotFound`.
    public func state(_ id: ContainerID) async throws -> RuntimeState {
        try await OwnThread.run { [runtime] in try runtime.state(id) }
    }

    /// The pids of its processes.
    /// - Throws: `RuntimeError.Code.containerNotFound`.
    public func processes(_ id: ContainerID) async throws -> [Int32] {
        try await OwnThread.run { [runtime] in try runtime.processes(id) }
    }

    /// Freezes it. Throws as `CommandRuntime.pause`.
    public func pause(_ id: ContainerID) async throws {
        try await OwnThread.run { [runtime] in try runtime.pause(id) }
    }

    /// Lets it go on. Throws as `CommandRuntime.resume`.
    public func resume(_ id: ContainerID) async throws {
        try await OwnThread.run { [runtime] in try runtime.resume(id) }
    }

    /// Sets limits anew. Throws as `CommandRuntime.update`.
    public func update(_ id: ContainerID, _ resources: RuntimeConfiguration.Resources) async throws {
        try await OwnThread.run { [runtime] in try runtime.update(id, resources) }
    }

    /// What it has used. Throws as `CommandRuntime.statistics`.
    public func statistics(_ id: ContainerID) async throws -> CgroupStatistics {
        try await OwnThread.run { [runtime] in try runtime.statistics(id) }
    }

    /// Writes its processes to files. Throws as `CommandRuntime.checkpoint`; when the task is cancelled criu is ended and the container
    /// goes on.
    public func checkpoint(_ id: ContainerID, _ options: CheckpointOptions) async throws {
        let interruption = try Interruption.manual()
        try await withTaskCancellationHandler {
            try await OwnThread.run { [runtime] in try runtime.checkpoint(id, options, interruption: interruption) }
        } onCancel: {
            interruption.interrupt()
        }
    }

    /// Makes a container from the files of a checkpoint. It goes on when this returns. Throws as `create`; when the task is cancelled
    /// `RuntimeError.Code.cancelled`, and nothing of the container is left.
    public func restore(
        _ id: ContainerID, _ options: RuntimeCreateOptions, from checkpoint: CheckpointOptions, streams: Streams = .init()
    ) async throws {
        if !streams.further.isEmpty { throw RuntimeError.invalid("streams.further", "a restored process has the descriptors it had") }
        let words = ["restore", "--detach"] + (try Self.words(options, streams)) + Self.words(checkpoint) + [id.description]
        let interruption = try Interruption.manual()
        try await withTaskCancellationHandler {
            try await command(words, streams, interruption)
        } onCancel: {
            interruption.interrupt()
        }
    }

    /// Its figures, and each time the kernel killed for want of memory, until it has stopped. Nothing is read before it is asked for.
    /// - Parameters:
    ///   - id: the container.
    ///   - interval: between figures.
    public func events(_ id: ContainerID, every interval: Duration = .seconds(5)) -> RuntimeEvents {
        RuntimeEvents(runtime: self, id: id, interval: interval)
    }

    private func command(_ words: [String], _ streams: Streams, _ interruption: Interruption? = nil) async throws {
        let call = RuntimeCommandCall(executable: executable.string, root: runtime.root.string, words: words, streams: streams)
        let (status, message) = try await OwnThread.run { try call.run(interruption: interruption) }
        if status != 0 { throw RuntimeError(.commandFailed, .path(executable), message ?? "it ended with status \(status)") }
    }

    private static func words(_ options: RuntimeCreateOptions, _ streams: Streams) throws(RuntimeError) -> [String] {
        try checkPreserved(options.preservedDescriptors)
        var words = ["--bundle", options.bundle.string] + streams.words
        words += self.words([
            ("--pid-file", options.pidFile), ("--console-socket", options.consoleSocket), ("--pidfd-socket", options.pidfdSocket),
        ])
        if options.mayChroot { words.append("--no-pivot") }
        if options.keepsSessionKeyring { words.append("--no-new-keyring") }
        return words
    }

    private static func words(_ options: RuntimeExecOptions, _ streams: Streams) throws(RuntimeError) -> [String] {
        try checkPreserved(options.preservedDescriptors)
        var words = streams.words
        words += self.words([
            ("--pid-file", options.pidFile), ("--console-socket", options.consoleSocket), ("--pidfd-socket", options.pidfdSocket),
        ])
        if options.ignoresPause { words.append("--ignore-paused") }
        for (controller, path) in options.subCgroups.sorted(by: { $0.key < $1.key }) {
            words += ["--cgroup", controller.isEmpty ? path : controller + ":" + path]
        }
        return words
    }

    private static func words(_ paths: [(name: String, path: FilePath?)]) -> [String] {
        paths.flatMap { name, path in path.map { [name, $0.string] } ?? [] }
    }

    /// The numbers from 3 on mean nothing in a program with threads, which opens and closes descriptors at any time.
    private static func checkPreserved(_ count: UInt32) throws(RuntimeError) {
        if count > 0 { throw .invalid("preservedDescriptors", "cannot be handed on by number", advice: "Name them in `Streams.further`.") }
    }

    private static func words(_ checkpoint: CheckpointOptions) -> [String] {
        var words = ["--image-path", checkpoint.images.string]
        if let work = checkpoint.work { words += ["--work-path", work.string] }
        for (name, isSet) in [
            ("--tcp-established", checkpoint.keepsConnections), ("--ext-unix-sk", checkpoint.allowsExternalSockets),
            ("--shell-job", checkpoint.isShellJob), ("--file-locks", checkpoint.keepsFileLocks),
            ("--auto-dedup", checkpoint.deduplicates), ("--lazy-pages", checkpoint.isLazy),
        ] where isSet { words.append(name) }
        if checkpoint.leavesNetworkEmpty { words += ["--empty-ns", "network"] }
        words += ["--manage-cgroups-mode", "\(checkpoint.cgroupMode)"]
        if let profile = checkpoint.securityProfile { words += ["--lsm-profile", profile] }
        if let context = checkpoint.securityMountContext { words += ["--lsm-mount-context", context] }
        return words
    }
}
