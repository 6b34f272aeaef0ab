import ContainerKit
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct CancellationTests {
    /// At instants spread over the whole life of a run, and over that of a container in scope.
    @Test func atAnyInstantNothingIsLeft() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let engine = fixture.engine
            _ = try await engine.run(image, ["true"])
            let ended = Mutex((cancelled: 0, finished: 0))
            for step in 0..<60 {
                let task = Task {
                    if step % 2 == 0 {
                        _ = try await engine.run(image, ["sleep", "0.01"])
                    } else {
                        try await engine.withContainer(image) {
                            $0.command = ["sleep", "1000"]
                        } operation: { container in
                            _ = try await container.exec(["sleep", "0.005"])
                        }
                    }
                }
                try await Task.sleep(for: .microseconds(step * 500))
                task.cancel()
                do {
                    try await task.value
                    ended.withLock { $0.finished += 1 }
                } catch is CancellationError { ended.withLock { $0.cancelled += 1 } }
                #expect(try await engine.containers.list().isEmpty)
                #expect(Files.names(in: fixture.base.appending("root/containers")) == [])
            }
            // Otherwise the instants were chosen badly.
            #expect(ended.withLock { $0.cancelled } > 10)
        }
    }
}
