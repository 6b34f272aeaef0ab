import ArgumentParser
import ContainerKit

/// `ck stats`.
struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print once what containers use.")

    @Argument(help: "All that run, unless some are named.") var containers: [String] = []

    mutating func run() async throws {
        let names = containers
        try await EngineOptions.withEngine { engine in
            let all = try await engine.containers.list().filter(\.isRunning).map(\.id.description)
            var table = TextTable(["NAME", "CPU TIME", "MEMORY", "LIMIT", "PROCESSES", "READ", "WRITTEN"])
            for name in names.isEmpty ? all : names {
                let container = try await Find.container(name, engine)
                let used = try await container.statistics()
                container.detach()
                table.add([
                    name, used.cpuMicroseconds.map { "\($0 / 1000) ms" } ?? "-", Self.size(used.memoryBytes),
                    Self.size(used.memoryLimitBytes),
                    used.tasks.map { "\($0)" } ?? "-", Self.size(used.readBytes), Self.size(used.writtenBytes),
                ])
            }
            table.print()
        }
    }

    private static func size(_ bytes: UInt64?) -> String {
        guard let bytes else { return "-" }
        return bytes < 1 << 20 ? "\(bytes >> 10) KiB" : "\(bytes >> 20) MiB"
    }
}

/// `ck pause`.
struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop every process of containers from running.")
    @Argument var containers: [String]

    mutating func run() async throws { try await Each.container(containers) { try await $0.pause() } }
}

/// `ck unpause`.
struct Unpause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Undo a pause.")
    @Argument var containers: [String]

    mutating func run() async throws { try await Each.container(containers) { try await $0.resume() } }
}
