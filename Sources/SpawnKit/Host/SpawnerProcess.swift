internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// A started spawner that has said hello.
struct SpawnerProcess: ~Copyable {
    let pid: CInt
    let control: OwnedDescriptor
    let hello: SpawnerHello

    /// Starts a spawner and waits for its hello. Blocks up to the configured limit; call it from a thread of one's own.
    /// - Throws: `.hostCannotReexecute`, or `.unsuitableExecutable` where the configuration names another one.
    static func start(_ configuration: SpawnerConfiguration) throws(SpawnError) -> SpawnerProcess {
        do throws(SpawnError) { return try startProcess(configuration) } catch {
            guard let executable = configuration.executable, error.code != .closed else { throw error }
            throw SpawnError(.unsuitableExecutable, errno: error.errno, "\(executable): \(error.reason)")
        }
    }

    private static func startProcess(_ configuration: SpawnerConfiguration) throws(SpawnError) -> SpawnerProcess {
        // Keeps the constructor's object in the program, whatever the linker thinks of it.
        guard ckSpawnerEntryAnchor == 1 else { throw SpawnError(.hostCannotReexecute, "the constructor is not linked") }
        let executable = try SpawnerExecutable.open(configuration)
        let started: Started
        do throws(Errno) {
            started = try spawn(executable)
        } catch {
            throw SpawnError(.hostCannotReexecute, errno: error, "posix_spawn failed")
        }
        do throws(SpawnError) {
            let hello = try receiveHello(started.control, limit: configuration.startLimit)
            try judge(hello)
            return SpawnerProcess(pid: started.pid, control: started.takeControl(), hello: hello)
        } catch {
            kill(started.pid, SIGKILL)
            _ = try? ReapedProcess.wait(for: .pid(started.pid), blocking: true)
            throw error
        }
    }

    private struct Started: ~Copyable {
        let pid: CInt
        let control: OwnedDescriptor
        consuming func takeControl() -> OwnedDescriptor { control }
    }

    private static func spawn(_ executable: borrowing OwnedDescriptor) throws(Errno) -> Started {
        let pair = try SocketPair()
        // Above the numbers that the file actions assign: a host may have 0 to 2 closed.
        let near = try pair.near.duplicate(from: 10)
        let far = try pair.far.duplicate(from: 10)
        // Before the spawner lives, so that it finds the greeting and never waits.
        try greet(near)
        return Started(pid: try spawn(executable, control: far), control: near)
    }

    consuming func takeControl() -> OwnedDescriptor { control }

    private static func greet(_ control: borrowing OwnedDescriptor) throws(Errno) {
        var greeting = ckSpawnerGreeting(
            magic: ckSpawnerMagic, protocol: UInt32(ckSpawnerProtocol), buildID: ckSpawnerBuildID())
        let bytes = unsafe withUnsafeBytes(of: &greeting) { unsafe Array($0) }
        try control.send(bytes, nonBlocking: true)
    }

    /// posix_spawn: never fork, the host has threads.
    private static func spawn(_ executable: borrowing OwnedDescriptor, control: borrowing OwnedDescriptor) throws(Errno) -> CInt {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for stream in CInt(0)...2 {
            unsafe posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, control.rawValue, CInt(ckSpawnerControl))

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | ck_POSIX_SPAWN_SETSID
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        // Every symbol bound once, here, and not again in each fork.
        var variables = [
            "\(unsafe String(cString: ckSpawnerMarkerName()))=\(ckSpawnerControl)", "SWIFT_BACKTRACE=enable=no", "LD_BIND_NOW=1",
            // What a fork frees goes back to the kernel, instead of into a cache of each size. See: man 3 mallopt.
            "GLIBC_TUNABLES=glibc.malloc.tcache_count=0",
        ]
        if let path = unsafe getenv("LD_LIBRARY_PATH") { variables.append("LD_LIBRARY_PATH=\(unsafe String(cString: path))") }
        var arguments = unsafe [strdup("container-spawner"), nil]
        var environment = unsafe variables.map { unsafe strdup($0) } + [nil]
        defer {
            unsafe free(arguments[0])
            for index in unsafe environment.indices { unsafe free(environment[index]) }
        }
        var pid: pid_t = 0
        let result = unsafe posix_spawn(
            &pid, "/proc/self/fd/\(executable.rawValue)", &actions, &attributes, &arguments, &environment)
        guard result == 0 else { throw Errno(rawValue: result) }
        return pid
    }

    private static let endedSilently = "it ended before it said hello, as another program does, or one of another version"

    private static func receiveHello(
        _ control: borrowing OwnedDescriptor, limit: Duration
    ) throws(SpawnError) -> SpawnerHello {
        var polled = pollfd(fd: control.rawValue, events: Int16(POLLIN), revents: 0)
        let (seconds, attoseconds) = limit.components
        let milliseconds = CInt(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        let count = unsafe poll(&polled, 1, milliseconds)
        guard count > 0 else {
            throw SpawnError(.hostCannotReexecute, "it said nothing within \(limit); its main may be running instead")
        }
        do {
            guard let message = try control.receive(nonBlocking: true) else {
                throw SpawnError(.hostCannotReexecute, endedSilently)
            }
            guard case .hello(let hello) = try SpawnerEvent(decoding: message.bytes) else {
                throw SpawnError(.protocolViolation, "the first frame is no hello")
            }
            return hello
        } catch let error as SpawnError {
            throw error
        } catch let error as Errno {
            throw SpawnError(.hostCannotReexecute, errno: error, endedSilently)
        } catch {
            throw SpawnError(.protocolViolation, "hello: \(error)")
        }
    }

    static func judge(_ hello: SpawnerHello, shimFrames: UInt32 = ckShimFrames()) throws(SpawnError) {
        guard hello.protocolVersion == UInt32(ckSpawnerProtocol) else {
            throw SpawnError(.hostCannotReexecute, "it speaks protocol version \(hello.protocolVersion), not \(ckSpawnerProtocol)")
        }
        // Only of executables of their own: what is built with the program is of its version.
        if shimFrames != 0, hello.shimFrames != 0, hello.shimFrames != shimFrames {
            throw SpawnError(
                .hostCannotReexecute, "its shims speak version \(hello.shimFrames) of the frames, and this program version \(shimFrames)")
        }
        guard hello.threads == 1 else {
            let seen = hello.threads == 0 ? "there is no /proc" : "something preloaded started \(hello.threads - 1) threads"
            throw SpawnError(.hostCannotReexecute, seen)
        }
        guard hello.castWorks else {
            throw SpawnError(.hostCannotReexecute, "the Swift runtime is not ready before main in this link mode")
        }
    }
}
