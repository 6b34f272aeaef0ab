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
        try SingleThreadedProcess.require()
        let (directory, record) = try record(id)
        switch status(directory, record) {
        case .stopped, .creating: throw .state(id, "cannot exec in a stopped container")
        case .paused where !options.ignoresPause:
            throw .state(id, "cannot exec in a paused container (use --ignore-paused to override)")
        default: break
        }
        guard let first = FirstProcess.descriptor(record) else { throw .state(id, "cannot exec in a stopped container") }
        var compiler = compiler()
        compiler.bundle = record.bundle
        let plan = try compiler.compile(exec: options.process, in: try directory.configuration(), of: id)
        let container = LaunchedContainer(
            process: LaunchedProcess(pid: record.pid, descriptor: first, terminal: nil), cgroups: openCgroups(record),
            namespaces: record.containerkit.namespaces, root: nil)
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

    /// The process of a container's configuration, as a start for one of exec.
    public func process(of id: ContainerID) throws(RuntimeError) -> RuntimeConfiguration.Process {
        let (directory, _) = try record(id)
        guard let process = try directory.configuration().process else { throw .invalid("process", "is missing") }
        return process
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
