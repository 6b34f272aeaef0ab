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
    /// How long criu is waited for.
    var patience: CriuPatience

    /// Finds criu and asks for its version.
    /// - Throws: `RuntimeError.Code.hostLacksFeature`.
    static func find(_ patience: CriuPatience) throws(RuntimeError) -> CriuService {
        guard let program = directories.map({ $0 + "/criu" }).first(where: { access($0, X_OK) == 0 }) else {
            throw RuntimeError(
                .hostLacksFeature, .host, "criu is not installed, without which no container is checkpointed or restored",
                advice: "Install CRIU 3.15 or newer.")
        }
        var short = patience
        short.limit = min(.seconds(10), patience.limit)
        let service = CriuService(program: program, version: oldest, patience: short)
        guard let version = try service.call(CriuRequest(kind: .version)).version else {
            throw RuntimeError(.checkpointFailed, .path(FilePath(program)), "it does not tell its version")
        }
        if version < oldest {
            throw RuntimeError(
                .hostLacksFeature, .path(FilePath(program)), "it is of version \(version)", advice: "Install CRIU 3.15 or newer.")
        }
        return CriuService(program: program, version: version, patience: patience)
    }

    /// One request, up to its answer.
    /// - Parameters:
    ///   - request: what is asked.
    ///   - inherited: descriptors that criu gets under their numbers.
    ///   - keepsStreams: whether it gets descriptors 0 to 2 of this process, else /dev/null.
    ///   - log: what it writes to while it works: that it does not say anything is no sign that it hangs.
    ///   - answer: called for each notification, with the descriptor that came with it. What it throws ends criu's work.
    /// - Throws: `RuntimeError.Code.checkpointFailed`; `.cancelled`. It does not run any more then.
    func call(
        _ request: CriuRequest, inherited: [SharedDescriptor] = [], keepsStreams: Bool = false, log: FilePath? = nil,
        answer: (CriuResponse, SharedDescriptor?) throws(RuntimeError) -> Void = { (_, _) in }
    ) throws(RuntimeError) -> CriuResponse {
        let pid: pid_t
        let shared: SharedDescriptor
        do throws(Errno) {
            let pair = try SocketPair()
            shared = SharedDescriptor(try pair.near.duplicate())
            // It calls ip(8) and iptables(8), so it needs PATH.
            pid = try HostProgram.spawn(
                [program, "swrk", "\(pair.far.rawValue)"], path: Self.directories.joined(separator: ":"),
                streams: keepsStreams ? [0, 1, 2] : [nil, nil, nil], inherited: [pair.far.rawValue] + inherited.map(\.rawValue))
        } catch { throw failure("it cannot be started", errno: error) }
        var refusal: RuntimeError?
        let response: CriuResponse?
        do throws(Errno) {
            response = try shared.withDescriptor { socket throws(Errno) in try converse(request, on: socket, log, answer, &refusal) }
        } catch {
            kill(pid, SIGKILL)
            _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
            throw refusal ?? interrupted(error)
        }
        _ = try? ReapedProcess.wait(for: .pid(pid), blocking: true)
        if let refusal { throw refusal }
        guard let response else { throw failure("it ended without an answer") }
        return response
    }

    /// - Returns: the answer; nil when there is none.
    private func converse(
        _ request: CriuRequest, on socket: borrowing OwnedDescriptor, _ log: FilePath?,
        _ answer: (CriuResponse, SharedDescriptor?) throws(RuntimeError) -> Void,
        _ refusal: inout RuntimeError?
    ) throws(Errno) -> CriuResponse? {
        defer { shutdown(socket.rawValue, Int32(SHUT_WR)) }
        try socket.send(request.bytes)
        while true {
            try patience.wait(for: socket, log)
            guard let message = try socket.receive() else { return nil }
            guard let received = CriuResponse(message.bytes) else { return nil }
            guard received.kind == CriuRequest.Kind.notify.rawValue else { return received }
            var descriptors = message.takeDescriptors()
            var descriptor: SharedDescriptor?
            if let first = descriptors.take() { descriptor = SharedDescriptor(first) }
            if refusal == nil { do throws(RuntimeError) { try answer(received, descriptor) } catch { refusal = error } }
            try socket.send(CriuRequest(kind: .notify, succeeded: refusal == nil).bytes)
        }
    }

    private func interrupted(_ errno: Errno) -> RuntimeError {
        switch errno {
        case .canceled: return RuntimeError(.cancelled, .path(FilePath(program)), "its work was broken off")
        case .timedOut:
            return failure("it was ended, since it has neither said nor written anything to its log for \(patience.limit.seconds) s")
        default: return failure("the conversation with it broke off", errno: errno)
        }
    }

    private func failure(_ reason: String, errno: Errno? = nil) -> RuntimeError {
        RuntimeError(.checkpointFailed, .path(FilePath(program)), reason, errno: errno)
    }
}
