internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// A program `docker-credential-<name>` that keeps credentials. See: docker-credential-helpers, "Development".
struct CredentialHelper {
    private let program: String
    private let limit: Duration
    /// Bytes of an answer.
    private static let longestAnswer = 1 << 20

    /// - Parameter limit: how long it may take.
    /// - Throws: `.malformedDocument` for a name that could lead to another program.
    init(_ name: String, limit: Duration) throws(ImageError) {
        let isPlain = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || "-_.".utf8.contains($0)
        }
        guard isPlain, !name.isEmpty, !name.hasPrefix(".") else {
            throw ImageError(.malformedDocument, .registry(name), "this is no name of a credential helper")
        }
        program = "docker-credential-" + name
        self.limit = limit
    }

    private struct Answer: Codable {
        var server: String?
        var username: String
        var secret: String

        private enum CodingKeys: String, CodingKey {
            case server = "ServerURL"
            case username = "Username"
            case secret = "Secret"
        }
    }

    /// - Returns: nil when it has none.
    func credentials(for key: String) throws(ImageError) -> RegistryCredentials? {
        let (status, output) = try run("get", key, input: key)
        if status != 0 {
            // The protocol's one error that is none, by its text.
            if output.contains("credentials not found") { return nil }
            throw failure(key, "failed with status \(status)\(Self.firstLine(output))")
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(output.utf8)) else {
            throw failure(key, "gave an answer that is not of the protocol")
        }
        if answer.username == "<token>" { return RegistryCredentials(identityToken: answer.secret) }
        return answer.username.isEmpty && answer.secret.isEmpty
            ? nil : RegistryCredentials(username: answer.username, password: answer.secret)
    }

    func store(_ credentials: RegistryCredentials, for key: String) throws(ImageError) {
        let entry = Answer(
            server: key, username: credentials.identityToken == nil ? credentials.username : "<token>",
            secret: credentials.identityToken ?? credentials.password)
        let (status, output) = try run("store", key, input: Document.encode(entry, .registry(key)))
        if status != 0 { throw failure(key, "did not store the credentials\(Self.firstLine(output))") }
    }

    func erase(_ key: String) throws(ImageError) {
        let (status, output) = try run("erase", key, input: key)
        if status != 0, !output.contains("credentials not found") {
            throw failure(key, "did not erase the credentials\(Self.firstLine(output))")
        }
    }

    private static func firstLine(_ output: String) -> String {
        let line = output.prefix { $0 != "\n" }.prefix(200)
        return line.isEmpty ? "" : ": \(line)"
    }

    private func failure(_ key: String, _ reason: String, errno: Errno? = nil) -> ImageError {
        ImageError(.credentialHelperFailed, .registry(key), "the credential helper \(program) \(reason)", errno: errno)
    }

    // MARK: the program

    private func run(_ verb: String, _ key: String, input: String) throws(ImageError) -> (status: Int32, output: String) {
        do throws(Errno) {
            var ends: [CInt] = [-1, -1]
            try check(ck_pipe2(&ends, O_CLOEXEC))
            let readEnd = OwnedDescriptor(ends[0])
            let writeEnd = OwnedDescriptor(ends[1])
            // The question is small and may be secret: memory, so that nobody waits for a reader.
            let question = OwnedDescriptor(CInt(try check(ck_memfd_create("question", UInt32(MFD_CLOEXEC)))))
            try question.write(input)
            try check(ck_lseek(question.rawValue, 0, SEEK_SET))
            let pid = try spawn(verb, input: question.rawValue, output: writeEnd.rawValue)
            close(writeEnd)
            return try collect(pid, readEnd)
        } catch {
            if error == .timedOut { throw failure(key, "did not answer within \(limit)") }
            throw failure(key, error == .noSuchFileOrDirectory ? "is not in PATH" : "cannot be run", errno: error)
        }
    }

    private func close(_ descriptor: consuming OwnedDescriptor) {}

    private func spawn(_ verb: String, input: CInt, output: CInt) throws(Errno) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        ck_spawn_close_from(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A process group of its own: what it starts ends with it.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        var arguments = [strdup(program), strdup(verb), nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, program, &actions, &attributes, &arguments, environ)
        if error != 0 { throw Errno(rawValue: error) }
        return pid
    }

    /// Reads until the end, then reaps. What passes the limit is killed.
    private func collect(_ pid: pid_t, _ output: borrowing OwnedDescriptor) throws(Errno) -> (Int32, String) {
        let deadline = ContinuousClock.now + limit
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var failure: Errno?
        while failure == nil {
            let left = (deadline - .now).milliseconds
            var entry = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
            let ready = left > 0 ? poll(&entry, 1, CInt(clamping: left)) : 0
            if ready < 0, errno == EINTR { continue }
            if ready <= 0 {
                failure = .timedOut
                break
            }
            let count: Int
            let number = output.rawValue
            do throws(Errno) { count = try retrying { ck_read(number, &buffer, buffer.count) } } catch {
                failure = error
                break
            }
            if count == 0 { break }
            answer += buffer[..<count]
            if answer.count > Self.longestAnswer { failure = .fileTooLarge }
        }
        if failure != nil { kill(-pid, SIGKILL) }
        var status: Int32 = 0
        var reaped = waitpid(pid, &status, WNOHANG)
        while reaped == 0 || (reaped < 0 && errno == EINTR) {
            if failure == nil, ContinuousClock.now > deadline {
                failure = .timedOut
                kill(-pid, SIGKILL)
            }
            usleep(1000)
            reaped = waitpid(pid, &status, WNOHANG)
        }
        if let failure { throw failure }
        // Somebody else in this program reaped it: then its answer has to speak for itself.
        if reaped < 0 { status = answer.first == UInt8(ascii: "{") ? 0 : 1 << 8 }
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        return (code, String(decoding: answer, as: UTF8.self))
    }
}
