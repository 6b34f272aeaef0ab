internal import BundleKit
internal import OCIModel
internal import RuntimeChild
internal import RuntimeKit
public import ShimKit
internal import SystemPackage

/// A further process of a running container.
public struct ExecConfiguration: Sendable, Hashable {
    /// Added to the container's environment, or replacing what has the same name.
    public var environment: [String: String] = [:]
    /// `user`, `user:group`, names or ids; nil is the container's.
    public var user: String?
    /// Absolute path inside; nil is the container's.
    public var workingDirectory: String?
    /// Whether its standard streams are a terminal of its own.
    public var terminal = false
    /// Rows and columns of the terminal at its start.
    public var terminalSize: TerminalSize?
    /// What it reads from standard input.
    public var standardInput = ContainerConfiguration.StandardInput.empty
    /// Where its output goes: `exec` collects and `execStream` streams, unless told otherwise. Files are refused.
    public var output = ContainerConfiguration.Output.automatic

    /// The defaults.
    public init() {}
}

/// A process that `Container.execStream` started.
public final class ContainerProcess: Sendable {
    private let supervised: SupervisedProcess
    private let container: ContainerID
    private let input: StandardInputFeed

    init(_ supervised: SupervisedProcess, container: ContainerID, input: StandardInputFeed) {
        self.supervised = supervised
        self.container = container
        self.input = input
    }

    /// Process id on the host.
    public var pid: Int32 { supervised.pid }
    /// What it writes to standard output, or to its terminal.
    public var standardOutput: ContainerOutput { supervised.standardOutput }
    /// What it writes to standard error; empty with a terminal.
    public var standardError: ContainerOutput { supervised.standardError }
    /// Its standard input, with `StandardInput.stream` or a terminal.
    public var standardInput: ContainerInput? { input.isAutomatic ? nil : supervised.standardInput }

    /// Waits for its end.
    public func wait() async throws(ContainerError) -> ExitStatus { try await waitForExit().status }

    /// Waits for its end, and tells what it used.
    public func waitForExit() async throws(ContainerError) -> ProcessExit {
        do throws(ShimError) { return try await supervised.wait() } catch { throw ContainerError(error, container: container) }
    }

    /// Sends it a signal.
    public func signal(_ signal: Signal) async throws(ContainerError) {
        do throws(ShimError) { try await supervised.signal(signal) } catch { throw ContainerError(error, container: container) }
    }

    /// Sets the size of its terminal.
    public func resize(_ size: TerminalSize) async throws(ContainerError) {
        do throws(ShimError) { try await supervised.resize(rows: size.rows, columns: size.columns) } catch {
            throw ContainerError(error, container: container)
        }
    }

    /// Ends it, whatever happens to this task.
    func killUncancelled() async {
        input.cancel()
        let supervised = supervised
        _ = await Task {
            // It may have ended by itself.
            try? await supervised.signal(.kill)
            _ = try? await supervised.wait()
        }.value
    }
}

extension Container {
    /// Runs a process in the container to its end and hands out what it wrote. Cancellation kills it.
    ///
    /// - Parameters:
    ///   - command: program and arguments.
    ///   - configure: changes the defaults.
    /// - Returns: the status, whatever it is.
    /// - Throws: `ContainerError`: `.notRunning`, `.launchFailed`, …; `CancellationError`.
    @discardableResult
    public func exec(
        _ command: [String], configure: (inout ExecConfiguration) -> Void = { _ in }
    ) async throws -> ExecResult {
        var configuration = ExecConfiguration()
        configure(&configuration)
        if configuration.output == .automatic { configuration.output = .collect(limit: engine.configuration.outputLimit) }
        let settled = configuration
        return try await scoped { () throws(ContainerError) in
            let (process, limit) = try await self.exec(command, settled, collects: true)
            do throws(ContainerError) {
                var collected: (Collected, Collected) = (([], false), ([], false))
                if let limit {
                    do { collected = try await Collecting.both(process.standardOutput, process.standardError, limit: limit) } catch {
                        throw ContainerError(stream: error, container: self.id)
                    }
                }
                return ExecResult(
                    exit: try await process.waitForExit(), outputBytes: collected.0.bytes, errorBytes: collected.1.bytes,
                    isTruncated: collected.0.isTruncated || collected.1.isTruncated)
            } catch {
                await process.killUncancelled()
                throw error
            }
        }
    }

    /// Starts a process in the container, whose streams and end are the caller's. It ends with the container at the latest.
    public func execStream(
        _ command: [String], configure: (inout ExecConfiguration) -> Void = { _ in }
    ) async throws(ContainerError) -> ContainerProcess {
        var configuration = ExecConfiguration()
        configure(&configuration)
        return try await exec(command, configuration, collects: false).0
    }

    private func exec(
        _ command: [String], _ configuration: ExecConfiguration, collects: Bool
    ) async throws(ContainerError) -> (ContainerProcess, limit: Int?) {
        guard let record else {
            throw ContainerError(
                .configurationRefused, .container(id), "its maker did not share how it is confined, so no process can be added",
                advice: "Set `isShared` when it is made.")
        }
        if case .file = configuration.output {
            throw ContainerError(.configurationRefused, .option("output"), "the output of an exec cannot go to a file")
        }
        let streams = try StreamSetup(
            input: configuration.standardInput, output: configuration.output, terminal: configuration.terminal, collects: collects)
        let plan = try await engine.blocking { () throws(ContainerError) in
            try self.execPlan(command, configuration, record)
        }
        let process: SupervisedProcess
        do throws(ShimError) {
            process = try await supervised.exec(plan, streams: streams.plans(log: nil), descriptors: streams.descriptors)
        } catch { throw ContainerError(error, container: id) }
        let input = StandardInputFeed(configuration.terminal ? .empty : configuration.standardInput)
        input.begin(process.standardInput)
        return (ContainerProcess(process, container: id, input: input), streams.limit)
    }

    /// Blocks.
    private func execPlan(
        _ command: [String], _ configuration: ExecConfiguration, _ record: ContainerRecord
    ) throws(ContainerError) -> ExecPlan {
        guard var process = record.configuration.process, let program = command.first, !program.isEmpty else {
            throw ContainerError(.configurationRefused, .option("command"), "there is no program to run")
        }
        process.args = command
        process.terminal = configuration.terminal ? true : nil
        process.consoleSize = nil
        if configuration.terminal, let size = configuration.terminalSize {
            process.consoleSize = .init(height: UInt64(size.rows), width: UInt64(size.columns))
        }
        if let directory = configuration.workingDirectory { process.cwd = directory }
        var environment = process.env ?? []
        func set(_ name: String, _ value: String) {
            environment.removeAll { $0.hasPrefix(name + "=") }
            environment.append("\(name)=\(value)")
        }
        if let name = configuration.user {
            var layers = record.lowerDirectories.map { FilePath($0) }
            if record.hasUpper { layers.insert(engine.directories.containers.appending(id.description).appending("upper"), at: 0) }
            do throws(BundleError) {
                let user = try ResolvedUser.resolve(name, groups: [], in: layers)
                process.user = .init(
                    uid: user.user, gid: user.group, additionalGids: user.additionalGroups.isEmpty ? nil : user.additionalGroups)
                set("HOME", user.home)
                // Capabilities as at the start: in effect for root only.
                let held = user.user == 0 ? process.capabilities?.bounding : []
                process.capabilities?.effective = held
                process.capabilities?.permitted = held
            } catch { throw ContainerError(error, image: image) }
        }
        if configuration.terminal && !environment.contains(where: { $0.hasPrefix("TERM=") }) { set("TERM", "xterm") }
        for (name, value) in configuration.environment.sorted(by: { $0.key < $1.key }) {
            guard !name.isEmpty, !name.contains("="), !name.utf8.contains(0), !value.utf8.contains(0) else {
                throw ContainerError(.configurationRefused, .option("environment"), "\(name.debugDescription) is no name of a variable")
            }
            set(name, value)
        }
        process.env = environment
        do throws(RuntimeError) { return try engine.compiler.compile(exec: process, in: record.configuration) } catch {
            throw ContainerError(error, container: id)
        }
    }
}
