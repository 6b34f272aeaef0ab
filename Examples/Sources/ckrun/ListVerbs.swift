import Glibc
import RuntimeKit
import SystemPackage

/// Verbs that tell about containers.
enum ListVerbs {
    static func state(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let state = try runtime.state(Verb.container(Arguments(words, verb: "state"), "state"))
        print(state.json(ownerName: owner(state.owner), isIndented: true))
        return 0
    }

    static func list(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(
            words, verb: "list", switches: ["quiet"], valued: ["format"], aliases: ["q": "quiet", "f": "format"])
        let states = runtime.list()
        if arguments.has("quiet") {
            for state in states { print(state.id) }
            return 0
        }
        switch arguments.value("format") ?? "table" {
        case "json": print(states.isEmpty ? "null" : RuntimeState.json(states, ownerName: owner))
        case "table": table(states)
        default: throw CommandFailure("invalid format option")
        }
        return 0
    }

    private static func table(_ states: [RuntimeState]) {
        var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
        for state in states {
            rows.append([
                "\(state.id)", "\(state.pid)", state.status.rawValue, state.bundle.string, state.created, owner(state.owner),
            ])
        }
        let widths = (0..<6).map { column in max(12, (rows.map { $0[column].count }.max() ?? 0) + 1) }
        for row in rows {
            print(zip(row, widths).map { $0 + String(repeating: " ", count: max(0, $1 - $0.count)) }.joined())
        }
    }

    /// The name of a user of this machine, from its passwd file: a static program has no name service.
    static func owner(_ id: UInt32) -> String {
        guard let bytes = try? InputFile.read("/etc/passwd") else { return "#\(id)" }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            if fields.count > 2, fields[2] == "\(id)" { return String(fields[0]) }
        }
        return "#\(id)"
    }
}
