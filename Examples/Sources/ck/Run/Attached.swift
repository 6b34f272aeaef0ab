import ArgumentParser
import ContainerKit
import Glibc

/// A container in the foreground: its streams are this program's.
enum Attached {
    /// - Returns: the exit code that this program ends with.
    static func run(
        _ image: String, _ configuration: ContainerConfiguration, interactive: Bool, keys: DetachKeys, _ log: LogOptions,
        _ engine: ContainerEngine
    ) async throws -> Int32 {
        var configuration = configuration
        let console = try Console(terminal: configuration.terminal, interactive: interactive)
        defer { console.restore() }
        configuration.terminalSize = console.size
        configuration.standardInput = console.inputPlan
        // What stays can be left and found again: its terminal belongs to the logger.
        let isLogged = configuration.terminal && configuration.life == .durable
        configuration.output = isLogged ? .log(log) : console.outputPlan
        let settled = configuration
        let container = try await engine.create(image) { $0 = settled }
        do {
            if isLogged {
                let status = try await withSignals(container, console) {
                    try await container.start()
                    try console.makeRaw()
                    return try await console.follow(container, container.standardInput, keys, last: nil)
                }
                container.detach()
                return status?.shellCode ?? 0
            }
            let code = try await withSignals(container, console) {
                try await container.start()
                try console.makeRaw()
                return try await console.copy(container.standardOutput, container.standardError, container.standardInput) {
                    try await container.wait()
                }
            }
            container.detach()
            return code.shellCode
        } catch {
            console.restore()
            try? await container.delete()
            throw error
        }
    }

    static func keys(_ text: String) throws -> DetachKeys {
        guard let keys = DetachKeys(text) else { throw ValidationError("--detach-keys takes keys like ctrl-p,ctrl-q.") }
        return keys
    }

    static func withSignals<Value>(
        _ container: Container, _ console: Console, _ body: () async throws -> Value
    ) async throws -> Value {
        let signals = SignalForwarding(console: console) { signal in
            switch signal {
            case SIGWINCH: if let size = console.size { try? await container.resize(size) }
            // A shell on a terminal ignores it, so it is asked and then killed.
            case SIGTERM where console.isTerminal: _ = try? await container.stop()
            default: try? await container.signal(Signal(rawValue: signal))
            }
        }
        defer { signals.end() }
        return try await body()
    }
}
