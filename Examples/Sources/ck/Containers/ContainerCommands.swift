import ArgumentParser
import ContainerKit
import Glibc

/// `ck logs`.
struct Logs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print what a detached container has written.")

    @Flag(name: .shortAndLong, help: "Go on until it ends.") var follow = false
    @Option(name: [.customShort("n"), .long], help: "Only the last lines.") var tail: Int?
    @Option(help: "Only what is newer: 10m, 90s, 2h, or seconds since 1970.") var since: String?
    @Flag(name: .shortAndLong, help: "With the time of each line.") var timestamps = false
    @Argument var container: String

    mutating func run() async throws {
        let (name, follow, tail, timestamps) = (container, follow, tail, timestamps)
        let since = try since.map(Self.time)
        try await EngineOptions.withEngine { engine in
            let container = try await Find.container(name, engine)
            defer { container.detach() }
            if container.isLogged {
                var beginsLine = [true, true]
                for try await entry in container.logEntries(since: since, last: tail, follow: follow) {
                    let stream = entry.stream == .standardError ? 1 : 0
                    let head = timestamps && beginsLine[stream] ? Array("\(entry.time) ".utf8) : []
                    beginsLine[stream] = entry.bytes.last == UInt8(ascii: "\n")
                    Report.write(head + entry.bytes, to: Int32(stream + 1))
                }
                return
            }
            if since != nil || timestamps { throw ValidationError("\(name) has no logger, so no times.") }
            guard follow else {
                let text = try await container.logs(last: tail)
                print(text, terminator: text.isEmpty || text.hasSuffix("\n") ? "" : "\n")
                return
            }
            for try await chunk in container.followLogs() { Report.write(chunk, to: 1) }
        }
    }

    static func time(_ text: String) throws -> Duration {
        if let seconds = Double(text) { return .seconds(seconds) }
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Double(text.dropLast()) else {
            throw ValidationError("--since takes 90s, 10m, 2h or seconds since 1970, not \(text).")
        }
        return .seconds(Double(Glibc.time(nil)) - count * unit)
    }
}

/// `ck stop`.
struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Ask containers to end, and kill those that do not.")

    @Option(name: [.short, .long], help: "Seconds until it is killed.") var time: Int?
    @Argument var containers: [String]

    mutating func run() async throws {
        let time = time
        try await Each.container(containers) { container in
            try await container.stop(gracePeriod: time.map { .seconds($0) })
        }
    }
}

/// `ck kill`.
struct Kill: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send containers a signal.")

    @Option(name: .shortAndLong, help: "The signal.") var signal = "KILL"
    @Argument var containers: [String]

    mutating func run() async throws {
        guard let signal = Signal(signal) else { throw ValidationError("\(signal) is no signal.") }
        try await Each.container(containers) { try await $0.signal(signal) }
    }
}

/// `ck rm`.
struct RemoveContainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove containers.")

    @Flag(name: .shortAndLong, help: "Running ones too.") var force = false
    @Argument var containers: [String]

    mutating func run() async throws {
        let force = force
        try await Each.container(containers) { container in
            if container.exit == nil && !force { throw ValidationError("\(container.id) runs: stop it first, or use -f.") }
            try await container.delete()
        }
    }
}

/// One after the other; all are tried.
enum Each {
    static func container(_ names: [String], _ body: @Sendable (Container) async throws -> Void) async throws {
        let failed = try await EngineOptions.withEngine { engine -> Bool in
            var failed = false
            for name in names {
                do {
                    let container = try await Find.container(name, engine)
                    try await body(container)
                    container.detach()
                    print(name)
                } catch {
                    Report.failure("\(error)")
                    failed = true
                }
            }
            return failed
        }
        if failed { throw ExitCode(1) }
    }
}
