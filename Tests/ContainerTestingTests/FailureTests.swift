import ContainerTesting
import Glibc
import TestSupport
import Testing

/// Set in the process that runs the examples below, which fail on purpose.
private let runsExamples = getenv("CONTAINERKIT_FAILING_EXAMPLES") != nil

private let chatty: @Sendable (inout ContainerConfiguration) -> Void = { $0.command = ["sh", "-c", "echo what it wrote; sleep 1000"] }

@Suite(.enabled(if: runsExamples, "these fail on purpose, in a process of their own"))
struct FailingExamples {
    @Test(.container(TestRoot.source, name: "expectation", ready: .logLine(containing: "wrote"), configure: chatty))
    func expectation() { #expect(Bool(false)) }

    @Test(.container(TestRoot.source, name: "thrown", ready: .logLine(containing: "wrote"), configure: chatty))
    func thrown() throws { throw CancellationError() }

    @Test(.container(TestRoot.source, name: "success", ready: .logLine(containing: "wrote"), configure: chatty))
    func success() {}

    @Test(.timeLimit(.minutes(1)), .container(TestRoot.source, name: "limit", ready: .logLine(containing: "wrote"), configure: chatty))
    func limit() async throws { try await Task.sleep(for: .seconds(600)) }

    @Suite(.container(TestRoot.source, name: "suite", ready: .logLine(containing: "wrote"), configure: chatty))
    struct Inner {
        @Test func shared() { #expect(Bool(false)) }
    }
}

/// Runs the examples in a process of this same test program and looks at what was attached.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: !runsExamples))
struct FailureTests {
    private func attachments(_ filter: String) async throws -> [String: String] {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("attachments")
            var environment: [String: String] = [:]
            for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
                if let value = getenv(name) { environment[name] = String(cString: value) }
            }
            environment["CONTAINERKIT_FAILING_EXAMPLES"] = "1"
            // Longer than the shortest time limit that there is, one minute.
            _ = try Command(
                [
                    CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "FailingExamples.*\(filter)",
                    "--attachments-path", directory.string,
                ], environment: environment, timeout: .seconds(150)
            ).run()
            var result: [String: String] = [:]
            for name in Files.names(in: directory) ?? [] { result[name] = try Files.text(directory.appending(name)) }
            return result
        }
    }

    @Test(arguments: ["expectation", "thrown", "shared"]) func logsOfFailures(example: String) async throws {
        let found = try await attachments(example)
        #expect(found.keys.sorted() == [example == "shared" ? "suite.log" : "\(example).log"])
        #expect(found.values.allSatisfy { $0.hasSuffix("what it wrote\n") })
    }

    @Test func nothingAfterSuccess() async throws { #expect(try await attachments("success").isEmpty) }

    @Test func logsAfterATimeLimit() async throws {
        #expect(try await attachments("limit").keys.sorted() == ["limit.log"])
    }
}
