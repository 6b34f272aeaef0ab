import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct RunTests {
    @Test func outputAndStatus() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", "echo hello; echo oops >&2; exit 3"])
            #expect(result.status == .exited(3))
            #expect(result.standardOutput == "hello\n")
            #expect(result.standardError == "oops\n")
            #expect(!result.isTruncated)
        }
    }

    @Test func standardInput() async throws {
        try await EngineFixture.with { fixture in
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
            let result = try await fixture.engine.run(fixture.directory, ["cat"]) { $0.standardInput = .bytes(bytes) }
            #expect(result.outputBytes == bytes)
            // A program that reads nothing of it is no failure.
            #expect(try await fixture.engine.run(fixture.directory, ["true"]) { $0.standardInput = .bytes(bytes) }.status.isSuccess)
        }
    }

    @Test func outputIsLimited() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", "yes | head -c 1000000; yes | head -c 10 >&2"]) {
                $0.output = .collect(limit: 1000)
            }
            #expect(result.status == .exited(0))
            #expect(result.outputBytes.count == 1000)
            #expect(result.errorBytes.count == 10)
            #expect(result.isTruncated)
        }
    }

    @Test func signalsAndMissingPrograms() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(
                fixture.directory, ["sh", "-c", "sh -c 'kill -9 $$'; echo $?; ulimit -c 0; kill -SEGV $$; exec sleep 0"])
            #expect(result.standardOutput == "137\n")
            let error = await #expect(throws: ContainerError.self) {
                try await fixture.engine.run(fixture.directory, ["/no/such/program"])
            }
            #expect(error?.code == .launchFailed)
            #expect("\(try #require(error))".contains("/no/such/program"))
        }
    }
}
