import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct StartDeadlineTests {
    private static let never = StartDeadline(.logLine(containing: "ready"), within: .milliseconds(300))

    @Test func whoIsNotReadyInTimeIsKilledAndTold() async throws {
        try await EngineFixture.with { fixture in
            let begun = ContinuousClock.now
            for output in [ContainerConfiguration.Output.stream, .file(nil), .log()] {
                let error = await #expect(throws: ContainerError.self) {
                    try await fixture.engine.start(fixture.directory) {
                        $0.command = ["sh", "-c", "echo still at it; exec sleep 1000"]
                        $0.output = output
                        $0.restart = output == .stream ? .never : .always
                        $0.startDeadline = Self.never
                    }
                }
                #expect(error?.code == .notReady)
                #expect(error.map { "\($0)" }?.contains("still at it") == true)
                // A start that throws leaves nothing, whatever the restart policy says.
                let left = try await fixture.engine.containers.list()
                #expect(left.isEmpty)
            }
            #expect(ContinuousClock.now - begun >= .milliseconds(900))
        }
    }

    @Test func whoIsReadyRunsOn() async throws {
        try await EngineFixture.with { fixture in
            let strategies: [ReadyStrategy] = [.logLine(containing: "ready"), .command(["test", "-e", "/tmp/up"])]
            for strategy in strategies {
                try await fixture.engine.withContainer(fixture.directory) {
                    $0.command = ["sh", "-c", "rm -f /tmp/up; sleep 0.2; touch /tmp/up; echo ready; exec sleep 1000"]
                    $0.startDeadline = StartDeadline(strategy, within: .seconds(20))
                } operation: { container in
                    let seen = try await container.exec(["cat", "/tmp/up"])
                    #expect(seen.status == .exited(0))
                    #expect(container.exit == nil)
                }
            }
        }
    }

    /// One that was made first is there to be looked at.
    @Test func aStartOfACreatedOneThrowsAndItHasEnded() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.create(fixture.directory) {
                $0.command = ["sleep", "1000"]
                $0.output = .file(nil)
                $0.restart = .always
                $0.startDeadline = Self.never
            }
            let error = await #expect(throws: ContainerError.self) { try await container.start() }
            #expect(error?.code == .notReady)
            #expect(try await container.wait() == .signaled(.kill))
            try await container.delete()
        }
    }

    /// It stands in the container's record: another program that starts it again is held to it too.
    @Test func aRestartIsHeldToIt() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let container = try await fixture.engine.start(image) {
                $0.life = .durable
                $0.startDeadline = StartDeadline(.command(["test", "-e", "/up"]), within: .seconds(4))
                $0.command = [
                    "sh", "-c", "test -e /go && exec sleep 1000; touch /up; while ! test -e /go; do sleep 0.02; done; rm /up; exit 3",
                ]
            }
            try await container.exec(["touch", "/go"])
            #expect(try await container.wait() == .exited(3))
            container.detach()
            try await fixture.withSecondEngine { other in
                let found = try await other.reattach(container.id)
                let error = await #expect(throws: ContainerError.self) { try await other.restart(found) }
                #expect(error?.code == .notReady)
                let ended = try await other.reattach(container.id)
                #expect(try await ended.wait() == .signaled(.kill))
                try await ended.delete()
            }
        }
    }

    /// A restart that the supervisor makes is measured by the program that holds the container; one that ends before it is ready goes on being
    /// started by its policy.
    @Test func aRestartByItsPolicyIsHeldToIt() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let container = try await fixture.engine.start(image) {
                $0.restart = .always
                $0.output = .file(nil)
                $0.startDeadline = StartDeadline(.command(["test", "-e", "/up"]), within: .seconds(2))
                $0.command = [
                    "sh", "-c",
                    """
                    n=$(cat /n 2>/dev/null || echo 0); echo $((n + 1)) > /n
                    case $n in
                    0) touch /up; while ! test -e /go; do sleep 0.02; done; rm /up; exit 3;;
                    1|2) exit 4;;
                    *) exec sleep 1000;;
                    esac
                    """,
                ]
            }
            let events = container.events
            try await container.exec(["touch", "/go"])
            var restarts = 0
            for await event in events {
                if case .restarted(let count, _) = event { restarts = count }
            }
            #expect(restarts == 3)
            #expect(try await container.wait() == .signaled(.kill))
            try await container.delete()
        }
    }

    /// One that is ready again in time runs on.
    @Test func aRestartByItsPolicyThatIsReadyRunsOn() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let container = try await fixture.engine.start(image) {
                $0.restart = .always
                $0.output = .file(nil)
                $0.startDeadline = StartDeadline(.command(["test", "-e", "/up"]), within: .seconds(1))
                $0.command = ["sh", "-c", "touch /up; while ! test -e /go; do sleep 0.02; done; rm /go; exit 3"]
            }
            try await container.exec(["touch", "/go"])
            var events = container.events.makeAsyncIterator()
            while let event = await events.next() { if case .started = event { break } }
            try await Task.sleep(for: .milliseconds(1500))
            #expect(container.exit == nil)
            try await container.delete()
        }
    }

    @Test func whatCannotBeMetIsRefused() async throws {
        try await EngineFixture.with { fixture in
            func refused(_ configure: (inout ContainerConfiguration) -> Void) async {
                let error = await #expect(throws: ContainerError.self) {
                    try await fixture.engine.create(fixture.directory, configure: configure)
                }
                #expect(error?.code == .configurationRefused)
                #expect(error.map { "\($0)" }?.contains("startDeadline") == true)
            }
            await refused { $0.startDeadline = StartDeadline(.listening(on: 80), within: .zero) }
            await refused { $0.startDeadline = StartDeadline(.command([])) }
            await refused {
                $0.startDeadline = StartDeadline(.logLine(containing: "x"))
                $0.output = .discard
            }
            let run = await #expect(throws: ContainerError.self) {
                try await fixture.engine.run(fixture.directory, ["true"]) { $0.startDeadline = Self.never }
            }
            #expect(run?.code == .configurationRefused)
        }
    }
}
