import Foundation

/// A program that ends, started by posix_spawn(3) through Foundation outside of the timed part where it can be, or timed as a whole where the
/// start of a process is what its users pay.
enum Program {
    /// Runs a program with its output thrown away.
    /// - Returns: Milliseconds from the call to the end of the process.
    static func time(_ arguments: [String]) throws -> Double {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 0...2 { posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0) }
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let start = ContinuousClock.now
        var pid: pid_t = 0
        let error = posix_spawn(&pid, arguments[0], &actions, nil, &words, environ)
        guard error == 0 else { throw BenchmarkError("\(arguments[0]): \(String(cString: strerror(error)))") }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let time = (ContinuousClock.now - start) / .milliseconds(1)
        guard status == 0 else { throw BenchmarkError("\(arguments.joined(separator: " ")): status \(status)") }
        return time
    }

    /// Runs a program and returns what it printed.
    static func output(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchmarkError("\(arguments.joined(separator: " ")): status \(process.terminationStatus)")
        }
        return String(decoding: data, as: UTF8.self)
    }

    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"]).map { "\($0)/\(name)" }
            .first { access($0, X_OK) == 0 }
    }
}
