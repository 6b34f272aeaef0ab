import SystemPackage

/// The options before the verb, and the verb.
struct GlobalOptions {
    var root: FilePath?
    var log: String?
    var logsJSON = false
    var isDebug = false
    var usesSystemd = false
    var verb: String
    var arguments: [String]

    init(_ arguments: [String]) throws {
        let options = try Arguments(
            arguments, verb: "ckrun", switches: ["debug", "systemd-cgroup", "help", "version"],
            valued: ["root", "log", "log-format", "criu", "rootless"], aliases: ["h": "help", "v": "version"], wordsFirst: 1)
        root = options.value("root").map { FilePath($0) }
        log = options.value("log")
        switch options.value("log-format") ?? "text" {
        case "json": logsJSON = true
        case "text": logsJSON = false
        case let other: throw CommandFailure("invalid log-format: \(other)")
        }
        isDebug = options.has("debug")
        usesSystemd = options.has("systemd-cgroup")
        verb = options.words.first ?? "help"
        if options.has("version") { verb = "--version" }
        if options.has("help") { verb = "help" }
        self.arguments = Array(options.words.dropFirst())
    }
}
