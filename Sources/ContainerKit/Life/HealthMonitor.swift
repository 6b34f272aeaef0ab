internal import Synchronization

/// Runs a container's checks, one after another.
final class HealthMonitor: Sendable {
    private let check: HealthCheck
    private let state = Mutex(HealthState())
    private let task = Mutex<Task<Void, Never>?>(nil)

    init?(_ check: HealthCheck) {
        if check.command.isEmpty { return nil }
        self.check = check
    }

    var status: HealthStatus { state.withLock { $0.status } }

    func begin(_ container: Container) {
        task.withLock { task in
            if task != nil { return }
            task = Task { [weak container, check] in
                let begun = ContinuousClock.now
                while !Task.isCancelled, let current = container, current.exit == nil {
                    let success = await self.ask(current)
                    guard let success else { break }
                    let isEarly = ContinuousClock.now - begun < check.startPeriod
                    let changed = self.state.withLock { $0.record(success: success, inStartPeriod: isEarly, retries: check.retries) }
                    if let changed { current.hub.send(.healthChanged(changed)) }
                    try? await Task.sleep(for: check.interval)
                }
            }
        }
    }

    func end() { task.withLock { $0 }?.cancel() }

    /// - Returns: nil when the container has ended.
    private func ask(_ container: Container) async -> Bool? {
        let command = check.command
        let limit = check.timeout
        return await withTaskGroup(of: Bool?.self) { group in
            group.addTask {
                do {
                    return try await container.exec(command) { $0.output = .discard }.status.isSuccess
                } catch let error as ContainerError where error.code == .notRunning {
                    // Paused or between two starts: no failure of the container's.
                    return container.exit == nil ? true : nil
                } catch { return false }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }
}
