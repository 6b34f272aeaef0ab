import OCIModel
import RuntimeKit

/// What the command can do.
enum Verb {
    /// Does it.
    /// - Returns: the exit status.
    static func run(_ options: GlobalOptions) throws -> Int32 {
        let arguments = options.arguments
        if let first = arguments.first, ["-h", "--help"].contains(first) {
            print(help)
            return 0
        }
        switch options.verb {
        case "create": return try CreateVerb.create(arguments, options)
        case "run": return try CreateVerb.run(arguments, options)
        case "start": return try LifeVerbs.start(arguments, runtime(options))
        case "exec": return try ExecVerb.run(arguments, runtime(options))
        case "kill": return try LifeVerbs.kill(arguments, runtime(options))
        case "delete": return try LifeVerbs.delete(arguments, runtime(options))
        case "pause": return try LifeVerbs.pause(arguments, runtime(options))
        case "resume": return try LifeVerbs.resume(arguments, runtime(options))
        case "state": return try ListVerbs.state(arguments, runtime(options))
        case "list": return try ListVerbs.list(arguments, runtime(options))
        case "ps": return try ProcessesVerb.run(arguments, runtime(options))
        case "update": return try UpdateVerb.run(arguments, runtime(options))
        case "events": return try EventsVerb.run(arguments, runtime(options))
        case "spec": return try SpecVerb.run(arguments)
        case "features":
            print(RuntimeFeatures.json())
            return 0
        case "checkpoint": return try CheckpointVerbs.checkpoint(arguments, runtime(options))
        case "restore": return try CheckpointVerbs.restore(arguments, runtime(options))
        case "--version":
            print("ckrun version 0.1.0\nspec: \(RuntimeConfiguration.specificationVersion)")
            return 0
        case "help":
            print(help)
            return 0
        default: throw CommandFailure("no such command: \(options.verb)\n\(help)")
        }
    }

    private static func runtime(_ options: GlobalOptions) -> CommandRuntime {
        CommandRuntime(root: options.root, usesSystemd: options.usesSystemd)
    }

    /// The one container that a verb is for.
    static func container(_ arguments: Arguments, _ verb: String) throws -> ContainerID {
        guard let name = arguments.words.first else { throw CommandFailure("ckrun: \"\(verb)\" requires exactly 1 argument(s)") }
        return try CommandRuntime.identifier(name)
    }

    private static let help = """
        usage: ckrun [--root DIR] [--log FILE] [--log-format text|json] [--debug] [--systemd-cgroup] VERB [OPTION]... [ARGUMENT]...
          create start run exec kill delete list state ps pause resume update events checkpoint restore spec features
        """
}
