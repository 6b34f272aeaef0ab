import Glibc
import OCIModel
import RuntimeKit
import SystemPackage

/// `exec`.
enum ExecVerb {
    static func run(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        do { return try start(words, runtime) } catch let error as RuntimeError {
            throw CommandFailure("exec failed: " + Wording.message(error, program: error.program), status: 255)
        } catch let failure as CommandFailure {
            throw CommandFailure(failure.message, status: 255)
        }
    }

    private static func start(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(
            words, verb: "exec", switches: ["tty", "detach", "no-new-privs", "ignore-paused", "no-subreaper"],
            valued: [
                "process", "pid-file", "console-socket", "pidfd-socket", "preserve-fds", "env", "cwd", "user", "cap", "apparmor",
                "additional-gids", "process-label", "cgroup",
            ],
            aliases: ["t": "tty", "d": "detach", "p": "process", "e": "env", "u": "user", "g": "additional-gids", "c": "cap"], wordsFirst: 2
        )
        let id = try Verb.container(arguments, "exec")
        var foreground: Foreground?
        func options(_ process: RuntimeConfiguration.Process) throws -> RuntimeExecOptions {
            let options = try self.options(arguments, process)
            // From here on no signal is lost.
            if !arguments.has("detach") { foreground = Foreground() }
            return options
        }
        let process: CommandProcess
        if let path = arguments.value("process") {
            var given = try CommandRuntime.process(readingJSON: try InputFile.read(path))
            if arguments.has("tty") { given.terminal = true }
            process = try runtime.exec(id, try options(given))
        } else {
            process = try runtime.exec(id) { try options(try changed($0, arguments)) }
        }
        return foreground?.wait(for: process) ?? 0
    }

    private static func options(_ arguments: Arguments, _ process: RuntimeConfiguration.Process) throws -> RuntimeExecOptions {
        var options = RuntimeExecOptions(process: process)
        options.pidFile = arguments.value("pid-file").map { FilePath($0) }
        options.consoleSocket = arguments.value("console-socket").map { FilePath($0) }
        options.pidfdSocket = arguments.value("pidfd-socket").map { FilePath($0) }
        options.preservedDescriptors = try arguments.number("preserve-fds", UInt32.self) ?? 0
        options.ignoresPause = arguments.has("ignore-paused")
        options.subCgroups = try subCgroups(arguments.list("cgroup"))
        if arguments.has("detach"), process.terminal == true, options.consoleSocket == nil {
            throw CommandFailure("cannot allocate tty if runc will detach without setting console socket")
        }
        return options
    }

    /// `PATH`, or `CONTROLLER[,CONTROLLER]...:PATH` as often as wanted.
    private static func subCgroups(_ texts: [String]) throws -> [String: String] {
        var result: [String: String] = [:]
        for text in texts {
            let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                if texts.count > 1 { throw CommandFailure("invalid --cgroup argument: \(text) (missing <controller>: prefix)") }
                return ["": text]
            }
            for controller in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
                if controller.isEmpty { throw CommandFailure("invalid --cgroup argument: \(text) (empty <controller> prefix)") }
                guard result.updateValue(String(parts[1]), forKey: String(controller)) == nil else {
                    throw CommandFailure("invalid --cgroup argument(s): controller \(controller) specified multiple times")
                }
            }
        }
        return result
    }

    /// The container's own process with what the options say.
    private static func changed(_ own: RuntimeConfiguration.Process, _ arguments: Arguments) throws -> RuntimeConfiguration.Process {
        var process = own
        process.args = Array(arguments.words.dropFirst())
        if process.args?.isEmpty ?? true { throw CommandFailure("process args cannot be empty") }
        process.terminal = arguments.has("tty")
        process.env = (process.env ?? []) + arguments.list("env")
        if let directory = arguments.value("cwd") { process.cwd = directory }
        if let user = arguments.value("user") { process.user = try Self.user(user) }
        let groups = try arguments.list("additional-gids").map { try Arguments.number($0, UInt32.self, "additional-gids") }
        if !groups.isEmpty {
            var user = process.user ?? RuntimeConfiguration.User()
            user.additionalGids = (user.additionalGids ?? []) + groups
            process.user = user
        }
        if arguments.has("no-new-privs") { process.noNewPrivileges = true }
        if let profile = arguments.value("apparmor") { process.apparmorProfile = profile }
        if let label = arguments.value("process-label") { process.selinuxLabel = label }
        for capability in arguments.list("cap") {
            var sets = process.capabilities ?? RuntimeConfiguration.Capabilities()
            sets.bounding = (sets.bounding ?? []) + [capability]
            sets.effective = (sets.effective ?? []) + [capability]
            sets.permitted = (sets.permitted ?? []) + [capability]
            process.capabilities = sets
        }
        return process
    }

    /// `uid` or `uid:gid`, digits only, 32 bits.
    private static func user(_ text: String) throws -> RuntimeConfiguration.User {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw CommandFailure("user: \"\(text)\" is not of the form uid[:gid]") }
        var user = RuntimeConfiguration.User()
        user.uid = try Arguments.number(String(parts[0]), UInt32.self, "user")
        if parts.count == 2 { user.gid = try Arguments.number(String(parts[1]), UInt32.self, "user") }
        return user
    }
}
