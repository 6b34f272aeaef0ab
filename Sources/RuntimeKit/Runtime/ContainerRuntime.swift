internal import LinuxSystem
public import OCIModel
public import SystemPackage

/// An OCI runtime for programs with threads: containers that outlive the program, without a shim and without supervision.
///
/// What makes a process (`create`, `run`, `exec`) is left to a runtime command, since a process with threads cannot be copied; the rest
/// happens here, in threads of its own and never on Swift's cooperative pool. All of it works on the state directories that the command
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
    }

    /// Makes a container whose program waits for `start`.
    /// - Throws: `RuntimeError.Code.commandFailed` with the command's message; nothing of the container is left then.
    public func create(_ id: ContainerID, _ options: RuntimeCreateOptions, streams: Streams = .init()) async throws {
        try await command(["create"] + Self.words(options) + [id.description], streams)
    }

    /// Makes a container and starts its program, which goes on when this returns.
    /// - Throws: as `create`.
    public func run(_ id: ContainerID, _ options: RuntimeCreateOptions, streams: Streams = .init()) async throws {
        try await command(["run", "--detach"] + Self.words(options) + [id.description], streams)
    }

    /// Runs a further process in a container to its end.
    /// - Returns: its exit code, or 128 and the signal.
    /// - Throws: `RuntimeError.Code.commandFailed` when it could not be started.
    public func exec(_ id: ContainerID, _ process: RuntimeConfiguration.Process, streams: Streams = .init()) async throws -> Int32 {
        let file = try ProcessFile(process)
        let call = RuntimeCommandCall(
            executable: executable.string, root: runtime.root.string, words: ["exec", "--process", file.path, id.description],
            streams: streams)
        let (status, message) = try await OwnThread.run { try call.run(file.descriptor) }
        if let message { throw RuntimeError(.commandFailed, .container(id), message) }
        return status
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

    /// Writes its processes to files. Throws as `CommandRuntime.checkpoint`.
    public func checkpoint(_ id: ContainerID, _ options: CheckpointOptions) async throws {
        try await OwnThread.run { [runtime] in try runtime.checkpoint(id, options) }
    }

    /// Makes a container from the files of a checkpoint. It goes on when this returns. Throws as `create`.
    public func restore(
        _ id: ContainerID, _ options: RuntimeCreateOptions, from checkpoint: CheckpointOptions, streams: Streams = .init()
    ) async throws {
        try await command(["restore", "--detach"] + Self.words(options) + Self.words(checkpoint) + [id.description], streams)
    }

    /// Its figures, and each time the kernel killed for want of memory, until it has stopped. Nothing is read before it is asked for.
    /// - Parameters:
    ///   - id: the container.
    ///   - interval: between figures.
    public func events(_ id: ContainerID, every interval: Duration = .seconds(5)) -> RuntimeEvents {
        RuntimeEvents(runtime: self, id: id, interval: interval)
    }

    private func command(_ words: [String], _ streams: Streams) async throws {
        let call = RuntimeCommandCall(executable: executable.string, root: runtime.root.string, words: words, streams: streams)
        let (status, message) = try await OwnThread.run { try call.run(nil) }
        if status != 0 { throw RuntimeError(.commandFailed, .path(executable), message ?? "it ended with status \(status)") }
    }

    private static func words(_ options: RuntimeCreateOptions) -> [String] {
        var words = ["--bundle", options.bundle.string]
        for (name, path) in [
            ("--pid-file", options.pidFile), ("--console-socket", options.consoleSocket), ("--pidfd-socket", options.pidfdSocket),
        ] {
            if let path { words += [name, path.string] }
        }
        if options.mayChroot { words.append("--no-pivot") }
        if options.keepsSessionKeyring { words.append("--no-new-keyring") }
        return words
    }

    private static func words(_ checkpoint: CheckpointOptions) -> [String] {
        var words = ["--image-path", checkpoint.images.string]
        if let work = checkpoint.work { words += ["--work-path", work.string] }
        for (name, isSet) in [
            ("--tcp-established", checkpoint.keepsConnections), ("--ext-unix-sk", checkpoint.allowsExternalSockets),
            ("--shell-job", checkpoint.isShellJob), ("--file-locks", checkpoint.keepsFileLocks),
            ("--auto-dedup", checkpoint.deduplicates),
        ] where isSet { words.append(name) }
        if checkpoint.leavesNetworkEmpty { words += ["--empty-ns", "network"] }
        words += ["--manage-cgroups-mode", "\(checkpoint.cgroupMode)"]
        if let profile = checkpoint.securityProfile { words += ["--lsm-profile", profile] }
        if let context = checkpoint.securityMountContext { words += ["--lsm-mount-context", context] }
        return words
    }
}
