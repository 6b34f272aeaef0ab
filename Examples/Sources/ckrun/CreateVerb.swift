import Glibc
import OCIModel
import RuntimeKit
import SystemPackage

/// `create` and `run`.
enum CreateVerb {
    static func create(_ words: [String], _ global: GlobalOptions) throws -> Int32 {
        let arguments = try parse(words, "create")
        let runtime = CommandRuntime(root: global.root, usesSystemd: global.usesSystemd)
        try attempt("create", arguments) { () throws -> Void in
            try runtime.create(Verb.container(arguments, "create"), try options(arguments))
        }
        return 0
    }

    static func run(_ words: [String], _ global: GlobalOptions) throws -> Int32 {
        let arguments = try parse(words, "run")
        let runtime = CommandRuntime(root: global.root, usesSystemd: global.usesSystemd)
        let id = try Verb.container(arguments, "run")
        return try attend(id, "run", arguments, runtime) { try runtime.run(id, try options(arguments)) }
    }

    /// Makes a process and, unless it is detached, waits for its end and removes the container.
    static func attend(
        _ id: ContainerID, _ verb: String, _ arguments: Arguments, _ runtime: CommandRuntime, _ make: () throws -> CommandProcess
    ) throws -> Int32 {
        let foreground = arguments.has("detach") ? nil : Foreground()
        let process = try attempt(verb, arguments, make)
        guard let foreground else { return 0 }
        let status = foreground.wait(for: process)
        if !arguments.has("keep") { try runtime.delete(id, force: true) }
        return status
    }

    static func parse(
        _ words: [String], _ verb: String, switches: Set<String> = [], valued: Set<String> = []
    ) throws -> Arguments {
        try Arguments(
            words, verb: verb, switches: switches.union(["no-pivot", "no-new-keyring", "no-subreaper", "detach", "keep"]),
            valued: valued.union(["bundle", "console-socket", "pidfd-socket", "pid-file", "preserve-fds"]),
            aliases: ["b": "bundle", "d": "detach"])
    }

    static func options(_ arguments: Arguments) throws -> RuntimeCreateOptions {
        var options = RuntimeCreateOptions()
        if let bundle = arguments.value("bundle") { options.bundle = FilePath(bundle) }
        options.pidFile = arguments.value("pid-file").map { FilePath($0) }
        options.consoleSocket = arguments.value("console-socket").map { FilePath($0) }
        options.pidfdSocket = arguments.value("pidfd-socket").map { FilePath($0) }
        options.preservedDescriptors = try arguments.number("preserve-fds", UInt32.self) ?? 0
        options.mayChroot = arguments.has("no-pivot")
        options.keepsSessionKeyring = arguments.has("no-new-keyring")
        return options
    }

    private static func attempt<Result>(_ verb: String, _ arguments: Arguments, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as RuntimeError {
            throw CommandFailure("ckrun \(verb) failed: " + Wording.message(error, program: error.program))
        }
    }
}

extension RuntimeError {
    /// argv[0] of what could not be started.
    var program: String? {
        if case .path(let path) = subject { return path.string }
        return nil
    }
}
