import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ThreadCountTests {
    /// Fifty containers cost the program no thread and no timer: a connection each, and their streams while it reads them.
    @Test func noThreadAndNoTimerForAContainer() async throws {
        try await EngineFixture.with { fixture in
            func start(_ count: Int) async throws -> [Container] {
                try await withThrowingTaskGroup(of: Container.self) { group in
                    for _ in 0..<count {
                        group.addTask {
                            let container = try await fixture.engine.start(fixture.directory) {
                                $0.command = ["sleep", "1000"]
                                $0.output = .stream
                                $0.life = .durable
                            }
                            // Somebody waits for each, and somebody reads each.
                            Task { try await container.wait() }
                            Task { for try await _ in container.standardOutput {} }
                            return container
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            // Threads of the pools come at the first work.
            var containers = try await start(8)
            let (threads, timers) = Self.count()
            containers += try await start(50)
            #expect(Self.count().threads <= threads)
            #expect(Self.count().timers == timers)
            #expect(containers.allSatisfy { $0.exit == nil })
            try await withThrowingTaskGroup(of: Void.self) { group in
                for container in containers { group.addTask { try await container.delete() } }
                try await group.waitForAll()
            }
        }
    }

    private static func count() -> (threads: Int, timers: Int) {
        let own = ProcessView(getpidOfTests())
        let timers = own.descriptors.values.count { $0 == "anon_inode:[timerfd]" }
        return (Int(own.status("Threads") ?? "") ?? 0, timers + own.text("timers").split(separator: "\n").count { $0.hasPrefix("ID:") })
    }
}
