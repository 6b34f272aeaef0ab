package import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// The single-threaded process that forks on behalf of this program, which never forks itself.
///
/// It starts at the first need, or at `prepare()`; when it dies, the next need starts another.
package final class Spawner: Sendable {
    private let configuration: SpawnerConfiguration
    private let state = Mutex(State.idle)

    private enum State {
        case idle
        case starting([CheckedContinuation<Result<SpawnerConnection, SpawnError>, Never>])
        case running(SpawnerConnection)
        case closed
    }

    package init(configuration: SpawnerConfiguration = SpawnerConfiguration()) {
        self.configuration = configuration
    }

    deinit {
        if case .running(let connection) = state.withLock({ $0 }) { connection.close() }
    }

    /// Starts the spawner now, so that the first container does not pay for it (2–14 ms).
    /// - Throws: `.hostCannotReexecute` with the reason and the way out.
    package func prepare() async throws(SpawnError) { _ = try await connection() }

    /// Whether shims get a pid namespace of their own, so that their death is their container's by the kernel's hand.
    package func makesPidNamespaces() async throws(SpawnError) -> Bool { try await connection().hello.makesPidNamespaces }

    /// Process id of the running spawner, for logs and tests.
    package func pid() async throws(SpawnError) -> CInt { try await connection().pid }

    /// Forks a role.
    ///
    /// - Parameters:
    ///   - request: what the role decodes; travels in a sealed memfd when it is large.
    ///   - descriptors: at most 60, given to the role in this order.
    /// - Throws: `.forkFailed`, `.roleNotLinked`, `.spawnerEnded`, and what `prepare` throws.
    package func spawn(
        _ role: SpawnRole, request: [UInt8], descriptors: [SharedDescriptor] = []
    ) async throws(SpawnError) -> RoleProcess {
        let connection = try await connection()
        return try await withCheckedContinuation { continuation in
            Self.send(role, request, descriptors, to: connection) { continuation.resume(returning: $0) }
        }.get()
    }

    /// Forks a role without waiting for it.
    /// - Parameter reply: called once, on any thread, with what `spawn(_:request:descriptors:)` returns or throws.
    package func spawn(_ role: SpawnRole, request: [UInt8], descriptors: [SharedDescriptor], reply: @escaping SpawnReply) {
        if case .running(let connection) = state.withLock({ $0 }), !connection.hasEnded {
            return Self.send(role, request, descriptors, to: connection, reply)
        }
        Task {
            do throws(SpawnError) { reply(.success(try await spawn(role, request: request, descriptors: descriptors))) } catch {
                reply(.failure(error))
            }
        }
    }

    private static func send(
        _ role: SpawnRole, _ request: [UInt8], _ descriptors: [SharedDescriptor], to connection: SpawnerConnection,
        _ reply: @escaping SpawnReply
    ) {
        guard descriptors.count <= MessageLimit.descriptors - 4 else {
            return reply(.failure(SpawnError(.protocolViolation, "\(descriptors.count) descriptors for one role")))
        }
        connection.spawn(role, request, descriptors, reply: reply)
    }

    /// Lets the spawner end. Roles that live on by design do so; further requests throw `.closed`.
    package func shutdown() {
        let previous = state.withLock { state in
            defer { state = .closed }
            return state
        }
        switch previous {
        case .running(let connection): connection.close()
        case .starting(let waiters):
            for waiter in waiters { waiter.resume(returning: .failure(SpawnError(.closed, ""))) }
        case .idle, .closed: break
        }
    }

    // MARK: starting, once for all who wait

    private func connection() async throws(SpawnError) -> SpawnerConnection {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<SpawnerConnection, SpawnError>, Never>) in
            let action = state.withLock { state -> Action in
                switch state {
                case .running(let connection) where !connection.hasEnded: return .answer(.success(connection))
                case .closed: return .answer(.failure(SpawnError(.closed, "")))
                case .starting(let waiters):
                    state = .starting(waiters + [continuation])
                    return .wait
                case .idle, .running:
                    state = .starting([continuation])
                    return .start
                }
            }
            switch action {
            case .answer(let result): continuation.resume(returning: result)
            case .wait: break
            case .start: start()
            }
        }
        return try result.get()
    }

    private enum Action {
        case answer(Result<SpawnerConnection, SpawnError>)
        case wait
        case start
    }

    /// Starting blocks (posix_spawn, hello), so it has a thread.
    private func start() {
        do throws(Errno) {
            try ServiceThread.start("ck-spawner-up") { self.finishStart(Self.startedConnection(self.configuration)) }
        } catch {
            finishStart(.failure(SpawnError(.hostCannotReexecute, errno: error, "cannot start a thread")))
        }
    }

    private static func startedConnection(_ configuration: SpawnerConfiguration) -> Result<SpawnerConnection, SpawnError> {
        do throws(SpawnError) {
            let process = try SpawnerProcess.start(configuration)
            do throws(Errno) {
                return .success(try SpawnerConnection(process))
            } catch {
                throw SpawnError(.hostCannotReexecute, errno: error, "cannot watch it")
            }
        } catch {
            return .failure(error)
        }
    }

    private func finishStart(_ result: Result<SpawnerConnection, SpawnError>) {
        let waiters = state.withLock { state -> [CheckedContinuation<Result<SpawnerConnection, SpawnError>, Never>]? in
            guard case .starting(let waiters) = state else { return nil }
            switch result {
            case .success(let connection): state = .running(connection)
            case .failure: state = .idle
            }
            return waiters
        }
        guard let waiters else {
            // Shut down meanwhile.
            if case .success(let connection) = result { connection.close() }
            return
        }
        for waiter in waiters { waiter.resume(returning: result) }
    }
}
