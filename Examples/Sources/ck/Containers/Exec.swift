import ArgumentParser
import ContainerKit
import Glibc

/// `ck exec`.
struct Exec: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a further command in a running container.", usage: "ck exec [<options>] <container> <command> …")

    @Flag(name: .shortAndLong, help: "Keep standard input open.") var interactive = false
    @Flag(name: [.short, .customLong("tty")], help: "Give it a terminal.") var terminal = false
    @Option(name: .shortAndLong, help: "A variable, NAME=value.") var env: [String] = []
    @Option(name: [.short, .long], help: "The working directory inside.") var workdir: String?
    @Option(name: .shortAndLong, help: "user[:group], names or ids.") var user: String?
    @Argument(parsing: .captureForPassthrough, help: "The container, then the command.") var arguments: [String] = []

    mutating func run() async throws {
        guard arguments.count > 1, !arguments[0].hasPrefix("-") else { throw ValidationError("Name a container and a command.") }
        if terminal && interactive && isatty(0) == 0 { throw ValidationError("The input device is not a terminal.") }
        let command = Array(arguments.dropFirst())
        let console = try Console(terminal: terminal, interactive: interactive)
        defer { console.restore() }
        var settings = ExecConfiguration()
        settings.environment = try RunOptions.environment(env)
        settings.workingDirectory = workdir
        settings.user = user
        settings.terminal = terminal
        settings.terminalSize = console.size
        settings.standardInput = console.inputPlan
        settings.output = console.outputPlan
        let settled = settings
        let name = arguments[0]
        let code = try await EngineOptions.withEngine { engine -> Int32 in
            let container = try await Find.container(name, engine)
            defer { container.detach() }
            do {
                let process = try await container.execStream(command) { $0 = settled }
                let signals = SignalForwarding(console: console) { number in
                    if number == SIGWINCH {
                        if let size = console.size { try? await process.resize(size) }
                    } else {
                        try? await process.signal(Signal(rawValue: number))
                    }
                }
                defer { signals.end() }
                try console.makeRaw()
                return try await console.copy(process.standardOutput, process.standardError, process.standardInput) {
                    try await process.wait()
                }.shellCode
            } catch let error as ContainerError {
                console.restore()
                Report.failure("\(error)")
                let code = LaunchExit.code(for: error)
                return code == 125 ? 1 : code
            }
        }
        if code != 0 { throw ExitCode(code) }
    }
}

/// Containers by name, or by the beginning of a name.
enum Find {
    static func container(_ name: String, _ engine: ContainerEngine) async throws -> Container {
        try await engine.reattach(try await id(name, engine))
    }

    static func id(_ name: String, _ engine: ContainerEngine) async throws -> ContainerID {
        let all = try await engine.containers.list().map(\.id)
        if let exact = all.first(where: { $0.description == name }) { return exact }
        let beginning = all.filter { $0.description.hasPrefix(name) }
        guard let only = beginning.first, beginning.count == 1 else {
            throw ValidationError(beginning.isEmpty ? "There is no container \(name)." : "\(name) is the beginning of several names.")
        }
        return only
    }
}
