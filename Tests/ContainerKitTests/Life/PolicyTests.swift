import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct PolicyTests {
    @Test func onFailureCountsAndTells() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.create(fixture.directory) {
                $0.command = ["sh", "-c", "echo run; exit 3"]
                $0.output = .file(nil)
                $0.restart = .onFailure(atMost: 2)
            }
            let events = container.events
            try await container.start()
            #expect(try await container.wait() == .exited(3))
            #expect(try await container.logs() == "run\nrun\nrun\n")
            var seen: [String] = []
            for await event in events {
                switch event {
                case .started: seen.append("started")
                case .restarted(let count, let exit): seen.append("restarted \(count) \(exit.status)")
                case .exited(let exit): seen.append("\(exit.status)")
                default: seen.append("\(event)")
                }
            }
            #expect(seen == ["started", "restarted 1 exited(3)", "started", "restarted 2 exited(3)", "started", "exited(3)"])
            try await container.delete()
        }
    }

    /// The supervisor starts it again while no program holds it; a stop ends it.
    @Test func alwaysNeedsNoProgramAndAStopEndsIt() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "echo run; sleep 0.05"]
                $0.output = .log()
                $0.restart = .always
                $0.life = .durable
            }
            container.detach()
            try await Task.sleep(for: .milliseconds(900))
            let found = try await fixture.engine.reattach(container.id)
            #expect(found.exit == nil)
            let status = try await found.stop(gracePeriod: .milliseconds(200))
            #expect(status == .exited(0) || status == .signaled(.terminate) || status == .signaled(.kill))
            var lines = 0
            for try await _ in found.logEntries() { lines += 1 }
            #expect(lines >= 2)
            try await found.delete()
        }
    }

    @Test func healthIsAskedFromOutside() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1000"]
                var check = HealthCheck(shell: "test -f /tmp/well")
                check.interval = .milliseconds(30)
                check.retries = 2
                $0.healthCheck = check
            } operation: { container in
                var events = container.events.makeAsyncIterator()
                var first = await events.next()
                // Told by another thread than the one that returned: it may come after.
                if case .started = first { first = await events.next() }
                #expect(first == .healthChanged(.unhealthy))
                #expect(container.healthStatus == .unhealthy)
                try await container.exec(["touch", "/tmp/well"])
                #expect(await events.next() == .healthChanged(.healthy))
                try await container.pause()
                #expect(await events.next() == .paused)
                try await container.resume()
                #expect(await events.next() == .resumed)
            }
        }
    }

    @Test func whatCannotBeRestartedIsRefused() async throws {
        try await EngineFixture.with { fixture in
            for output in [ContainerConfiguration.Output.stream, .inherit] {
                let error = await #expect(throws: ContainerError.self) {
                    try await fixture.engine.create(fixture.directory) {
                        $0.command = ["true"]
                        $0.output = output
                        $0.restart = .always
                    }
                }
                #expect(error?.code == .configurationRefused)
            }
        }
    }

    @Test func statisticsAndExitFacts() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo done; read line"]
                $0.standardInput = .stream
            }
            try await container.ready(.logLine(containing: "done"))
            let used = try await container.statistics()
            #expect((used.cpuMicroseconds ?? 0) > 0)
            #expect((used.tasks ?? 0) >= 1)
            try await #require(container.standardInput).write("\n")
            let exit = try await container.waitForExit()
            #expect(exit.status == .exited(0))
            #expect(exit.endedAt > exit.startedAt)
            #expect(exit.userTime > .zero)
            #expect((exit.cpuTime ?? .zero) > .zero)
            let late = await #expect(throws: ContainerError.self) { try await container.statistics() }
            #expect(late?.code == .notRunning)
            try await container.delete()
        }
    }
}
