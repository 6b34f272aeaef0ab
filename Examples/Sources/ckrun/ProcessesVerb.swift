import Glibc
import RuntimeKit

/// `ps`.
enum ProcessesVerb {
    static func run(_ words: [String], _ runtime: CommandRuntime) throws -> Int32 {
        let arguments = try Arguments(words, verb: "ps", valued: ["format"], aliases: ["f": "format"], wordsFirst: 1)
        let pids = try runtime.processes(Verb.container(arguments, "ps"))
        switch arguments.value("format") ?? "table" {
        case "json": print("[" + pids.map(String.init).joined(separator: ",") + "]")
        case "table": try table(pids, Array(arguments.words.dropFirst()))
        default: throw CommandFailure("invalid format option")
        }
        return 0
    }

    /// The lines of ps(1) that are of these processes.
    private static func table(_ pids: [Int32], _ options: [String]) throws {
        let output = try ps(options.isEmpty ? ["-ef"] : options)
        let lines = output.split(separator: "\n", omittingEmptySubsequences: true)
        guard let header = lines.first, let column = header.split(separator: " ").firstIndex(of: "PID") else {
            throw CommandFailure("couldn't find PID field in ps output")
        }
        print(header)
        let wanted = Set(pids.map(String.init))
        for line in lines.dropFirst() {
            let fields = line.split(separator: " ")
            if fields.count > column, wanted.contains(String(fields[column])) { print(line) }
        }
    }

    private static func ps(_ arguments: [String]) throws -> String {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandFailure("pipe: \(String(cString: strerror(errno)))") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addclose(&actions, ends[0])
        defer { posix_spawn_file_actions_destroy(&actions) }
        var table = (["ps"] + arguments).map { strdup($0) } + [nil]
        defer { for pointer in table { free(pointer) } }
        var pid: pid_t = 0
        let result = posix_spawnp(&pid, "ps", &actions, nil, &table, environ)
        close(ends[1])
        defer { close(ends[0]) }
        guard result == 0 else { throw CommandFailure("exec: \"ps\": executable file not found in $PATH") }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += buffer[..<count]
        }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return String(decoding: bytes, as: UTF8.self)
    }
}
