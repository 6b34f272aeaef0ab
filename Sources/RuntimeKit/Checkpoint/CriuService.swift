internal import Glibc
internal import LinuxSystem
internal import RuntimeChild
internal import SystemPackage

/// `criu swrk`: a process that serves one request on a socket and ends. See: criu.org, "RPC".
struct CriuService {
    /// The directories that programs of the host are looked up in, whatever the caller's environment.
    private static let directories = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
    /// The first with all that is asked of it here.
    private static let oldest = CriuResponse.Version(major: 3, minor: 15)

    let program: String
    let version: CriuResponse.Version

    /// Finds criu and asks for its version.
    /// - Throws: `RuntimeError.Code.hostLacksFeature`.
    static func find() throws(RuntimeError) -> CriuService {
        guard let program = directories.map({ $0 + "/criu" }).first(where: { access($0, X_OK) == 0 }) else {
            throw RuntimeError(
                .hostLacksFeature, .host, "criu is not installed, without which no container is checkpointed or restored",
                advice: "Install CRIU 3.15 or newer.")
        }
        let service = CriuService(program: program, version: oldest)
        guard let version = try service.call(CriuRequest(kind: .version)).version else {
            throw RuntimeError(.checkpointFailed, .path(FilePath(program)), "it does not tell its version")
        }
        if version < oldest {
            throw RuntimeError(
                .hostLacksFeature, .path(FilePath(program)), "it is of version \(version)", advice: "Install CRIU 3.15 or newer.")
        }
        return CriuService(program: program, version: version)
    }

    /// One request, up to its answer.
    /// - Parameters:
    ///   - request: what is asked.
    ///   - inherited: descriptors that criu gets under their numbers.
    ///   - keepsStreams: whether it gets descriptors 0 to 2 of this process, else /dev/null.
    ///   - answer: called for each notification, with the descriptor that came with it. What it throws ends criu's work.
    /// - Throws: `RuntimeError.Code.checkpointFailed`.
    func call(
        _ request: CriuRequest, inherited: [SharedDescriptor] = [], keepsStreams: Bool = false,
        answer: (CriuResponse, SharedDescriptor?) throws(RuntimeError) -> Void = { (_, _) in }
    ) throws(RuntimeError) -> CriuResponse {
        let pid: pid_t
        let shared: SharedDescriptor
        do throws(Errno) {
            let pair = try SocketPair()
            shared = SharedDescriptor(try pair.near.duplicate())
            pid = try spawn(pair.far.rawValue, inherited, keepsStreams)
        } catch { throw failure("it cannot be started", errno: error) }
        var refusal: RuntimeError?
        let response: CriuResponse?
        do throws(Errno) {
            response = try shared.withDescriptor { socket throws(Errno) in try converse(request, on: socket, answer, &refusal) }
        } catch {
            kill(pid, SIGKILL)
            _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
            throw refusal ?? failure("the conversation with it broke off", errno: error)
        }
        _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
        if let refusal { throw refusal }
        guard let response else { throw failure("it ended without an answer") }
        return response
    }

    /// - Returns: the answer; nil when there is none.
    private func converse(
        _ request: CriuRequest, on socket: borrowing OwnedDescriptor,
        _ answer: (CriuResponse, SharedDescriptor?) throws(RuntimeError) -> Void,
        _ refusal: inout RuntimeError?
    ) throws(Errno) -> CriuResponse? {
        defer { shutdown(socket.rawValue, Int32(SHUT_WR)) }
        try socket.send(request.bytes)
        while let message = try socket.receive() {
            guard let received = CriuResponse(message.bytes) else { return nil }
            guard received.kind == CriuRequest.Kind.notify.rawValue else { return received }
            var descriptors = message.takeDescriptors()
            var descriptor: SharedDescriptor?
            if let first = descriptors.take() { descriptor = SharedDescriptor(first) }
            if refusal == nil { do throws(RuntimeError) { try answer(received, descriptor) } catch { refusal = error } }
            try socket.send(CriuRequest(kind: .notify, succeeded: refusal == nil).bytes)
        }
        return nil
    }

    private func failure(_ reason: String, errno: Errno? = nil) -> RuntimeError {
        RuntimeError(.checkpointFailed, .path(FilePath(program)), reason, errno: errno)
    }

    private func spawn(_ socket: CInt, _ inherited: [SharedDescriptor], _ keepsStreams: Bool) throws(Errno) -> pid_t {
        let null = try OwnedDescriptor.open("/dev/null", flags: O_RDWR)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for number in Int32(0)...2 { posix_spawn_file_actions_adddup2(&actions, keepsStreams ? number : null.rawValue, number) }
        // Onto themselves: that takes close-on-exec away.
        for number in [socket] + inherited.map(\.rawValue) { posix_spawn_file_actions_adddup2(&actions, number, number) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let words = [program, "swrk", "\(socket)"]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        // It calls ip(8) and iptables(8).
        var environment = [strdup("PATH=" + Self.directories.joined(separator: ":")), nil]
        defer { for entry in environment { free(entry) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, program, &actions, &attributes, &arguments, &environment)
        if result != 0 { throw Errno(rawValue: result) }
        return pid
    }
}
