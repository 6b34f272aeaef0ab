import ArgumentParser
import ContainerKit
import Glibc

/// `ck run`.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a command in a new container.", usage: "ck run [<options>] <image> [<command> …]")

    @Flag(name: .customLong("rm"), help: "Remove the container when it ends.") var removes = false
    @Flag(name: [.short, .customLong("detach")], help: "Run in the background and print the container's name.") var detached = false
    @Flag(name: .shortAndLong, help: "Keep standard input open.") var interactive = false
    @Flag(name: [.short, .customLong("tty")], help: "Give it a terminal.") var terminal = false
    @Option(help: "When the registry is asked: always, missing, never.") var pull = "missing"
    @Option(help: "What is typed to let it go on alone.") var detachKeys = "ctrl-p,ctrl-q"
    @OptionGroup var options: RunOptions
    @Argument(parsing: .captureForPassthrough, help: "The image, then what to run in it.") var arguments: [String] = []

    mutating func run() async throws {
        guard let image = arguments.first, !image.hasPrefix("-") else {
            throw ValidationError(arguments.isEmpty ? "There is no image to run." : "Unknown option \(arguments[0]).")
        }
        let policies: [String: PullPolicy] = ["always": .always, "missing": .missing, "never": .never]
        guard let policy = policies[pull] else { throw ValidationError("--pull takes always, missing or never.") }
        if terminal && !detached && interactive && isatty(0) == 0 { throw ValidationError("The input device is not a terminal.") }
        let command = Array(arguments.dropFirst())
        var configuration = ContainerConfiguration()
        try options.apply(to: &configuration)
        if !command.isEmpty { configuration.command = command }
        configuration.terminal = terminal
        configuration.isShared = true
        configuration.removesItself = removes
        // As with Docker, what is not removed at its end stays without this program, too.
        configuration.life = detached || !removes ? .durable : .throwaway
        if detached {
            configuration.output = .log(try options.log())
            if interactive && !terminal { configuration.standardInput = .stream }
        }
        let keys = try Attached.keys(detachKeys)
        let settled = configuration
        let code = try await EngineOptions.withEngine { engine -> Int32 in
            do {
                var asks = policy != .missing
                if !asks { asks = try await !isPresent(image, engine) }
                if asks {
                    _ = try await TransferDisplay.show { try await engine.images.pull(image, policy: policy, progress: $0) }
                }
                if detached { return try await start(image, settled, engine) }
                return try await Attached.run(image, settled, interactive: interactive, keys: keys, try options.log(), engine)
            } catch let error as ContainerError {
                Report.failure("\(error)")
                return LaunchExit.code(for: error)
            }
        }
        if code != 0 { throw ExitCode(code) }
    }

    private func isPresent(_ image: String, _ engine: ContainerEngine) async throws -> Bool {
        guard let reference = try? Reference(image) else { return true }
        return try await engine.images.list().contains { $0.reference == reference }
    }

    private func start(_ image: String, _ configuration: ContainerConfiguration, _ engine: ContainerEngine) async throws -> Int32 {
        let container = try await engine.start(image) { $0 = configuration }
        print(container.id)
        container.detach()
        return 0
    }
}

/// Docker's exit codes for what did not start: 127 for no such program, 126 for one that cannot be executed, else 125.
enum LaunchExit {
    static func code(for error: ContainerError) -> Int32 {
        var next: (any Error)? = error
        while let current = next {
            if let runtime = current as? RuntimeError {
                switch runtime.code {
                case .executableNotFound: return 127
                case .executableNotRunnable: return 126
                default: return 125
                }
            }
            next = (current as? ContainerError)?.cause ?? (current as? ShimError)?.cause
        }
        return 125
    }
}
