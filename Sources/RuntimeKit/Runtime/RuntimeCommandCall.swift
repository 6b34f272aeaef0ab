internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// One call of a runtime command.
struct RuntimeCommandCall: Sendable {
    let executable: String
    let root: String
    let words: [String]
    let streams: ContainerRuntime.Streams

    /// Runs it to its end. Blocks.
    /// - Parameter inherited: a descriptor that the command gets under its number.
    /// - Returns: its status, and the last message of its log.
    func run(_ inherited: SharedDescriptor?) throws(RuntimeError) -> (status: Int32, message: String?) {
        do throws(Errno) {
            let log = SharedDescriptor(try .scratch(named: "log"))
            let pid = try spawn(log, inherited)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 { if errno != EINTR { throw Errno(rawValue: errno) } }
            let text = try log.withDescriptor { log throws(Errno) in
                String(decoding: try log.rewindAndReadAll(limit: 1 << 20), as: UTF8.self)
            }
            let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            return (code, text.isEmpty ? nil : text.trimmingASCIISpace)
        } catch {
            throw RuntimeError(.commandFailed, .path(FilePath(executable)), "the runtime command cannot be run", errno: error)
        }
    }

    private func spawn(_ log: SharedDescriptor, _ inherited: SharedDescriptor?) throws(Errno) -> pid_t {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let sources = [streams.input?.rawValue, streams.output?.rawValue, streams.error?.rawValue]
        for (number, source) in sources.enumerated() { posix_spawn_file_actions_adddup2(&actions, source ?? null.rawValue, Int32(number)) }
        // Onto themselves: that takes close-on-exec away.
        posix_spawn_file_actions_adddup2(&actions, log.rawValue, log.rawValue)
        if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited.rawValue, inherited.rawValue) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let line = [executable, "--root", root, "--log", "/proc/self/fd/\(log.rawValue)"] + words
        var arguments = line.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var environment = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        defer { for entry in environment { free(entry) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, executable, &actions, &attributes, &arguments, &environment)
        if result != 0 { throw Errno(rawValue: result) }
        return pid
    }
}

/// A process as JSON, in memory, for a command to read.
struct ProcessFile: Sendable {
    let descriptor: SharedDescriptor
    var path: String { "/proc/self/fd/\(descriptor.rawValue)" }

    init(_ process: RuntimeConfiguration.Process) throws(RuntimeError) {
        let text = ProcessText.json(process)
        do throws(Errno) {
            let file = try OwnedDescriptor.scratch(named: "process")
            try file.write(Array(text.utf8))
            lseek(file.rawValue, 0, SEEK_SET)
            descriptor = SharedDescriptor(file)
        } catch { throw RuntimeError(.resourceExhausted, .host, "no file in memory can be made", errno: error) }
    }
}

/// A blocking call in a thread of its own.
enum OwnThread {
    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try ServiceThread.start("ck-runtime") { continuation.resume(with: Result { try body() }) }
            } catch { continuation.resume(throwing: error) }
        }
    }
}
