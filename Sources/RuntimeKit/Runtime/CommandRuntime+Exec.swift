internal import Glibc
internal import LinuxSystem
public import OCIModel
internal import RuntimeChild
internal import SystemPackage

extension CommandRuntime {
    /// Starts a further process in a running container. The standard streams of the calling process are its own, but for one with a
    /// terminal.
    /// - Returns: the process, to be waited for or left behind.
    /// - Throws: `RuntimeError.Code.wrongState` for a container that is stopped or paused; as `run` for the rest.
    public func exec(_ id: ContainerID, _ options: RuntimeExecOptions) throws(RuntimeError) -> CommandProcess {
        let (directory, record) = try record(id)
        return try exec(options, in: directory, record, try directory.configuration())
    }

    /// Starts a further process that is like the container's own but for some changes; its files are read once.
    /// - Parameters:
    ///   - id: the container.
    ///   - change: makes the options from the process of the container's configuration; what it throws is thrown on.
    /// - Returns: as `exec(_:_:)`.
    /// - Throws: as `exec(_:_:)`.
    public func exec(
        _ id: ContainerID, _ change: (RuntimeConfiguration.Process) throws -> RuntimeExecOptions
    ) throws -> CommandProcess {
        let (directory, record) = try record(id)
        let configuration = try directory.configuration()
        guard let process = configuration.process else { throw RuntimeError.invalid("process", "is missing") }
        return try exec(try change(process), in: directory, record, configuration)
    }

    private func exec(
        _ options: RuntimeExecOptions, in directory: StateDirectory, _ record: ContainerRecord, _ configuration: RuntimeConfiguration
    ) throws(RuntimeError) -> CommandProcess {
        try SingleThreadedProcess.require()
        let id = directory.id
        guard let first = FirstProcess.descriptor(record) else { throw .state(id, "cannot exec in a stopped container") }
        if !options.ignoresPause, isFrozen(record) {
            throw .state(id, "cannot exec in a paused container (use --ignore-paused to override)")
        }
        var compiler = compiler()
        compiler.bundle = record.bundle
        let plan = try compiler.compile(exec: options.process, in: configuration, of: id)
        let container = LaunchedContainer(
            process: LaunchedProcess(pid: record.pid, descriptor: first, terminal: nil),
            cgroups: try cgroups(of: record, options.subCgroups, id), namespaces: record.containerkit.namespaces, root: nil)
        var command = CommandLaunch()
        command.preservedDescriptors = options.preservedDescriptors
        command.resetsSignals = compiler.features.ignoresSignals
        let launched: LaunchedProcess
        do throws(LaunchFailure) { launched = try Launcher.exec(plan, in: container, streams: nil, command: command) } catch {
            throw RuntimeError(error, of: plan, container: id)
        }
        let process = CommandProcess(launched, handsOverTerminal: options.consoleSocket != nil)
        do throws(RuntimeError) {
            if let socket = options.consoleSocket, let terminal = launched.terminal {
                try DescriptorSocket.send(terminal, to: socket, field: "console socket", text: "/dev/ptmx")
            }
            if let socket = options.pidfdSocket {
                try DescriptorSocket.send(launched.descriptor, to: socket, field: "pidfd socket", text: "pidfd")
            }
            if let file = options.pidFile { try PidFile.write(launched.pid, to: file) }
        } catch {
            try? launched.descriptor.sendSignal(SIGKILL)
            _ = try? process.wait()
            throw error
        }
        return process
    }

    /// The container's cgroups, or those below them that were asked for.
    private func cgroups(
        of record: ContainerRecord, _ below: [String: String], _ id: ContainerID
    ) throws(RuntimeError) -> [ContainerCgroup] {
        var opened = openCgroups(record)
        for (controller, path) in below.sorted(by: { $0.key < $1.key }) {
            let place = controller.isEmpty ? cgroups.unified : cgroups.hierarchy(of: controller)
            guard let place, let index = opened.firstIndex(where: { $0.isUnified == place.isUnified && place.holds($0.path) }) else {
                throw RuntimeError(
                    .cgroupFailed, .container(id),
                    controller.isEmpty ? "it has no cgroup of version 2" : "it has no cgroup of the controller \(controller)",
                    advice: "On cgroup v1 name the controller: `--cgroup CONTROLLER:PATH`.")
            }
            let cgroup = opened[index]
            let relative = String(path.drop { $0 == "/" })
            do throws(Errno) {
                let directory = try cgroup.directory.withDescriptor { directory throws(Errno) in
                    SharedDescriptor(
                        try .open(
                            relative.isEmpty ? "." : relative, at: directory, flags: O_RDONLY | O_DIRECTORY,
                            resolve: [.beneath, .noSymlinks]))
                }
                opened[index] = ContainerCgroup(
                    path: cgroup.path + "/" + relative, isUnified: cgroup.isUnified, directory: directory)
            } catch {
                throw RuntimeError(
                    .cgroupFailed, .path(FilePath(cgroup.path + "/" + relative)), "it is no cgroup below the container's", errno: error,
                    advice: "Make it first.")
            }
        }
        return opened
    }

    /// Reads a process from the JSON of runtime-spec config.md, "Process".
    /// - Throws: `RuntimeError.Code.invalidField` with the member's path.
    public static func process(readingJSON bytes: [UInt8]) throws(RuntimeError) -> RuntimeConfiguration.Process {
        try BundleConfiguration.decode(RuntimeConfiguration.Process.self, bytes, of: "process")
    }

    /// Reads limits from the JSON of runtime-spec config-linux.md, "Control groups".
    /// - Throws: `RuntimeError.Code.invalidField` with the member's path.
    public static func resources(readingJSON bytes: [UInt8]) throws(RuntimeError) -> RuntimeConfiguration.Resources {
        try BundleConfiguration.decode(RuntimeConfiguration.Resources.self, bytes, of: "resources")
    }
}
