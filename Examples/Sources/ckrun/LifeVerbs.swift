import OCIModel
import RuntimeKit

/// Verbs that move a container through its life.
enum LifeVerbs {
    static func start(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        try runtime.start(Verb.container(Arguments(words, verb: "start"), "start"))
        return 0
    }

    static func kill(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        // `-9` is a signal, no option.
        let arguments = try Arguments(words, verb: "kill", switches: ["all"], aliases: ["a": "all"], wordsFirst: 1)
        let id = try Verb.container(arguments, "kill")
        var rest = arguments.words.dropFirst().filter { $0 != "--all" && $0 != "-a" }
        let all = arguments.has("all") || rest.count != arguments.words.count - 1
        if rest.first?.hasPrefix("-") == true { rest[0].removeFirst() }
        let name = rest.first ?? "SIGTERM"
        if name == "0" {
            // A question, no signal.
            if try runtime.state(id).status == .stopped { throw CommandFailure("container not running") }
            return 0
        }
        guard let signal = Signal(name) else { throw CommandFailure("unknown signal \"\(name)\"") }
        try runtime.kill(id, signal, all: all)
        return 0
    }

    static func delete(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(words, verb: "delete", switches: ["force"], aliases: ["f": "force"])
        try runtime.delete(Verb.container(arguments, "delete"), force: arguments.has("force"))
        return 0
    }

    static func pause(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        try runtime.pause(Verb.container(Arguments(words, verb: "pause"), "pause"))
        return 0
    }

    static func resume(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        try runtime.resume(Verb.container(Arguments(words, verb: "resume"), "resume"))
        return 0
    }
}
