import CLinux
import Glibc
import SystemPackage

/// A program of the machine, run to its end: the tests' own way to call `skopeo`, `openssl`, `tar` and peers.
///
/// Blocking and independent of the library under test. The output goes to memory files, so a child that outlives the program and
/// holds them open cannot hang the caller.
package struct Command {
    /// How a program ended and what it wrote.
    package struct Result: Sendable {
        /// The exit status, or 128 + the signal's number.
        package var status: Int32
        package var output: [UInt8]
        package var errors: [UInt8]
        package var standardOutput: String { String(decoding: output, as: UTF8.self) }
        package var standardError: String { String(decoding: errors, as: UTF8.self) }
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
        package static func notInstalled(_ program: String) -> Self {
            .init(description: "\(program) is not installed; `.ci/install` installs it")
        }
    }

    package var arguments: [String]
    /// Nil passes on the environment of the tests.
    package var environment: [String: String]?
    package var input: [UInt8] = []
    package var timeout: Duration = .seconds(60)

    package init(_ arguments: [String], environment: [String: String]? = nil, input: [UInt8] = [], timeout: Duration = .seconds(60)) {
        self.arguments = arguments
        self.environment = environment
        self.input = input
        self.timeout = timeout
    }

    /// The path of a program, looked up in PATH and in the folders of system programs.
    package static func find(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
            .map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs the program and returns how it ended. Throws where it cannot start or passes its time limit (then it is killed).
    package func run() throws -> Result {
        let process = try ChildProcess(self)
        let status = try process.wait(within: timeout)
        return Result(status: status, output: process.output(), errors: process.errors())
    }

    /// Runs the program; an exit status other than 0 is thrown with what it wrote.
    @discardableResult
    package static func run(_ arguments: String..., input: [UInt8] = [], environment: [String: String]? = nil) throws -> Result {
        let result = try Command(arguments, environment: environment, input: input).run()
        guard result.status == 0 else {
            let words = arguments.joined(separator: " ")
            throw Failure(description: "\(words): status \(result.status)\n\(result.standardOutput)\(result.standardError)")
        }
        return result
    }
}

/// A program of the machine that runs beside the test. `wait` or `stop` must be called; the pid is reaped there.
package final class ChildProcess {
    package let pid: Int32
    private let name: String
    private let outputFile: Int32
    private let errorFile: Int32
    private var status: Int32?

    package init(_ command: Command) throws {
        name = command.arguments.first ?? ""
        guard let program = Command.find(name) else { throw Command.Failure.notInstalled(name) }
        let inputFile = Int32(ck_memfd_create("input", UInt32(MFD_CLOEXEC)))
        outputFile = Int32(ck_memfd_create("output", UInt32(MFD_CLOEXEC)))
        errorFile = Int32(ck_memfd_create("errors", UInt32(MFD_CLOEXEC)))
        defer { close(inputFile) }
        try FileDescriptor(rawValue: inputFile).writeAll(command.input)
        lseek(inputFile, 0, SEEK_SET)

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inputFile, 0)
        posix_spawn_file_actions_adddup2(&actions, outputFile, 1)
        posix_spawn_file_actions_adddup2(&actions, errorFile, 2)
        // Worker threads block signals and a test runner ignores some: the program starts with neither.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var arguments = command.arguments.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var given = command.environment.map { $0.map { strdup("\($0.key)=\($0.value)") } + [nil] }
        defer { for entry in given ?? [] { free(entry) } }
        var child: pid_t = 0
        let error =
            if given != nil {
                posix_spawn(&child, program, &actions, &attributes, &arguments, &given!)
            } else {
                posix_spawn(&child, program, &actions, &attributes, &arguments, Glibc.environ)
            }
        guard error == 0 else {
            close(outputFile)
            close(errorFile)
            throw Command.Failure(description: "\(program): \(Errno(rawValue: error))")
        }
        pid = child
    }

    deinit {
        if status == nil {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        close(outputFile)
        close(errorFile)
    }

    /// What the program has written so far.
    package func output() -> [UInt8] { Self.contents(outputFile) }
    package func errors() -> [UInt8] { Self.contents(errorFile) }

    package var isRunning: Bool { status == nil && kill(pid, 0) == 0 }

    /// Waits for the end. A program that passes the limit is killed, and the limit is thrown.
    package func wait(within limit: Duration) throws -> Int32 {
        if let status { return status }
        let pidfd = Int32(ck_pidfd_open(pid, 0))
        defer { if pidfd >= 0 { close(pidfd) } }
        let deadline = ContinuousClock.now + limit
        var ended = false
        while pidfd >= 0 && !ended {
            let left = (deadline - .now) / .milliseconds(1)
            if left <= 0 { break }
            var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
            ended = poll(&entry, 1, Int32(clamping: Int(left) + 1)) > 0
        }
        if !ended { kill(pid, SIGKILL) }
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
        let signal = raw & 0x7f
        let result = signal == 0 ? (raw >> 8) & 0xff : 128 + signal
        status = result
        if !ended { throw Command.Failure(description: "\(name) did not end within \(limit)") }
        return result
    }

    /// Asks the program to end, and kills it when it has not within five seconds.
    package func stop() {
        guard status == nil else { return }
        kill(pid, SIGTERM)
        _ = try? wait(within: .seconds(5))
    }

    private static func contents(_ file: Int32) -> [UInt8] {
        let size = Int(lseek(file, 0, SEEK_END))
        guard size > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: size)
        let count = pread(file, &bytes, size, 0)
        return Array(bytes.prefix(max(count, 0)))
    }
}
