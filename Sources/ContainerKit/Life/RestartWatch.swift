internal import Logging
internal import Synchronization

/// Holds the starts that a container's supervisor makes by itself to the start deadline, for as long as this program holds the container.
final class RestartWatch: Sendable {
    private let deadline: StartDeadline
    private let state = Mutex(State())

    private struct State {
        var hasRestarted = false
        var watch: Task<Void, Never>?
    }

    /// - Returns: nil for a deadline that waits for a line: one from before the restart could not be told from one after it.
    init?(_ deadline: StartDeadline) {
        if deadline.ready.text != nil { return nil }
        self.deadline = deadline
    }

    func restarting() {
        end()
        state.withLock { $0.hasRestarted = true }
    }

    /// Begins to wait until it is ready, if the supervisor started it again.
    func started(_ container: Container) {
        state.withLock { state in
            guard state.hasRestarted, state.watch == nil else { return }
            state.watch = Task { [deadline] in
                guard await !Self.isReady(container, deadline), !Task.isCancelled else { return }
                container.engine.configuration.logger.error(
                    "Container \(container.id) was not ready \(deadline.limit) after its restart (\(deadline.ready)): it is ended.")
                _ = try? await container.stop(signal: .kill, gracePeriod: .zero)
            }
        }
    }

    /// Nothing is waited for any more.
    func end() {
        let watch = state.withLock { state in
            defer { state.watch = nil }
            return state.watch
        }
        watch?.cancel()
    }

    private static func isReady(_ container: Container, _ deadline: StartDeadline) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do { try await container.poll(deadline.ready) } catch {
                    // What cannot be asked is not ready.
                    try? await Task.sleep(for: deadline.limit)
                    return false
                }
                return true
            }
            group.addTask {
                try? await Task.sleep(for: deadline.limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }
}
