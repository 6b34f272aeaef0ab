import ArgumentParser
import ContainerKit
import Glibc

/// `ck attach`.
struct Attach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Connect this terminal to a running container.")

    @Option(help: "What is typed to let it go on alone.") var detachKeys = "ctrl-p,ctrl-q"
    @Flag(help: "Do not connect standard input.") var noStdin = false
    @Flag(help: "Take the streams from the program that holds them.") var takeOver = false
    @Argument var container: String

    mutating func run() async throws {
        let keys = try Attached.keys(detachKeys)
        let (name, takeOver, interactive) = (container, takeOver, !noStdin)
        let code = try await EngineOptions.withEngine { engine in
            try await Attaching.attach(name, keys, interactive: interactive, takeOver: takeOver, engine)
        }
        if code != 0 { throw ExitCode(code) }
    }
}

/// `ck start`.
struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Start containers again that have ended.")

    @Flag(name: .shortAndLong, help: "Connect this terminal to it.") var attach = false
    @Flag(name: .shortAndLong, help: "Connect standard input.") var interactive = false
    @Option(help: "What is typed to let it go on alone.") var detachKeys = "ctrl-p,ctrl-q"
    @Argument var containers: [String]

    mutating func run() async throws {
        let (names, attach, interactive) = (containers, attach || interactive, interactive)
        if attach && names.count > 1 { throw ValidationError("Only one container can be attached to.") }
        let keys = try Attached.keys(detachKeys)
        let code = try await EngineOptions.withEngine { engine -> Int32 in
            var failed = false
            for name in names {
                do {
                    let old = try await Find.container(name, engine)
                    if old.exit != nil { try await engine.restart(old).detach() }
                    old.detach()
                    if attach { return try await Attaching.attach(name, keys, interactive: interactive, takeOver: false, engine) }
                    print(name)
                } catch {
                    Report.failure("\(error)")
                    failed = true
                }
            }
            return failed ? 1 : 0
        }
        if code != 0 { throw ExitCode(code) }
    }
}

/// A terminal at a container that runs.
enum Attaching {
    /// - Returns: the container's exit code; 0 when the person left.
    static func attach(
        _ name: String, _ keys: DetachKeys, interactive: Bool, takeOver: Bool, _ engine: ContainerEngine
    ) async throws -> Int32 {
        let container = try await Find.container(name, engine)
        defer { container.detach() }
        if let exit = container.exit { throw ValidationError("\(name) does not run: it ended with \(exit.status).") }
        let hasTerminal = try await engine.containers.find(container.id).hasTerminal
        let console = try Console(terminal: hasTerminal, interactive: interactive)
        defer { console.restore() }
        let streams = try await container.attach(takingOver: takeOver)
        return try await Attached.withSignals(container, console) {
            if let size = console.size { try? await container.resize(size) }
            try console.makeRaw()
            if container.isLogged {
                return try await console.follow(container, streams.standardInput, keys, last: 0)?.shellCode ?? 0
            }
            return try await console.copy(
                streams.standardOutput, streams.standardError, interactive ? streams.standardInput : nil
            ) { try await container.wait() }.shellCode
        }
    }
}
