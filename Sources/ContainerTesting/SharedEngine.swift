public import ContainerKit
internal import Synchronization

/// Settings of the engine that all tests of a process share.
public enum TestContainers {
    private static let stored = Mutex(EngineConfiguration())

    /// What the engine is made with; set it before the first test that has a container.
    public static var configuration: EngineConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}

/// One engine for all tests that run at a time: made for the first, ended with the last, so that nothing of it outlives the tests.
actor SharedEngine {
    static let shared = SharedEngine()
    private var users = 0
    private var engine: Task<ContainerEngine, any Error>?
    private var ending: Task<Void, any Error>?

    nonisolated func withEngine(_ body: (ContainerEngine) async throws -> Void) async throws {
        let engine = try await acquire()
        do { try await body(engine) } catch {
            // The test's own error is the one to report.
            try? await release()
            throw error
        }
        try await release()
    }

    private func acquire() async throws -> ContainerEngine {
        users += 1
        let task: Task<ContainerEngine, any Error>
        if let engine {
            task = engine
        } else {
            let before = ending
            let configuration = TestContainers.configuration
            task = Task {
                _ = await before?.result
                return try await ContainerEngine { $0 = configuration }
            }
            engine = task
        }
        do { return try await task.value } catch {
            users -= 1
            if users == 0 { engine = nil }
            throw error
        }
    }

    private func release() async throws {
        users -= 1
        guard users == 0, let engine else { return }
        self.engine = nil
        let task = Task { try await engine.value.shutdown() }
        ending = task
        try await task.value
    }
}
