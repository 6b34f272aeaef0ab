import ArgumentParser
import ContainerKit
import Glibc

/// `ck ps`.
struct ListContainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "ps", abstract: "List containers.", aliases: ["ls"])

    @Flag(name: .shortAndLong, help: "Those that have ended, too.") var all = false
    @Flag(name: .shortAndLong, help: "Only names.") var quiet = false

    mutating func run() async throws {
        let containers = try await EngineOptions.withEngine { try await $0.containers.list() }.filter { all || $0.isRunning }
        if quiet {
            for container in containers { print(container.id) }
            return
        }
        var table = TextTable(["NAME", "IMAGE", "COMMAND", "CREATED", "STATUS", "PID"])
        for container in containers {
            table.add([
                container.id.description, container.image, Self.short(container.command), Self.age(container.createdAt) + " ago",
                container.statusText, container.pidText,
            ])
        }
        table.print()
    }

    private static func short(_ text: String) -> String { text.count > 32 ? text.prefix(31) + "…" : text }

    private static func age(_ createdAt: Duration) -> String {
        let seconds = max(0, time(nil) - Int(createdAt / .seconds(1)))
        return switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min"
        case ..<86400: "\(seconds / 3600) h"
        default: "\(seconds / 86400) d"
        }
    }
}

extension ContainerSummary {
    var isRunning: Bool { if case .running = state { true } else { false } }

    var statusText: String {
        switch state {
        case .running: "running"
        case .stopped(let exit): "\(exit.status)"
        case .lost: "lost"
        }
    }

    var pidText: String { if case .running(let pid?) = state { "\(pid)" } else { "" } }
}

/// Columns of text.
struct TextTable {
    private var rows: [[String]]

    init(_ header: [String]) { rows = [header] }

    mutating func add(_ row: [String]) { rows.append(row) }

    func print() {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            var line = cells.joined(separator: "   ")
            while line.hasSuffix(" ") { line.removeLast() }
            Swift.print(line)
        }
    }
}
