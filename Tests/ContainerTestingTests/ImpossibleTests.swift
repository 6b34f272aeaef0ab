import ContainerTesting
import Glibc
import TestSupport
import Testing

/// Set in the process that runs the examples below, which has no rights.
private let runsExamples = getenv("CONTAINERKIT_IMPOSSIBLE_EXAMPLES") != nil

@Suite(.enabled(if: runsExamples, "these are cancelled, in a process of their own"))
struct ImpossibleExamples {
    @Test(.container(TestRoot.source)) func single() { print("the body ran") }

    @Test(.container(TestRoot.source), arguments: 0..<2) func cases(number: Int) { print("the body ran \(number)") }

    @Suite(.container(TestRoot.source))
    struct Inner {
        @Test func shared() { print("the body ran") }
    }

    @Test func withoutContainer() { print("this one needs none") }
}

/// Runs the examples in a process of this same test program that has lost all capabilities.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .needsPrograms("setpriv"), .enabled(if: !runsExamples))
struct ImpossibleTests {
    @Test func testsAreCancelledWithTheReason() throws {
        var environment: [String: String] = ["CONTAINERKIT_IMPOSSIBLE_EXAMPLES": "1"]
        for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        let result = try Command(
            [
                "setpriv", "--bounding-set=-all", "--inh-caps=-all", CommandLine.arguments[0], "--testing-library", "swift-testing",
                "--filter", "ImpossibleExamples",
            ], environment: environment
        ).run()
        let text = result.standardOutput + result.standardError
        #expect(result.status == 0, "\(text)")
        #expect(!text.contains("the body ran"), "\(text)")
        #expect(text.contains("this one needs none"), "\(text)")
        let reason = "Containers are not possible here: "
        let cancelled = text.split(separator: "\n").filter { $0.contains("cancelled") && $0.contains(reason) }
        // The reason of a cancelled case is in no line of its own; that its body did not run is asserted above.
        for name in ["single()", "shared()"] {
            #expect(cancelled.contains { $0.contains(name) && $0.contains("CAP_SYS_ADMIN") }, "\(name): \(text)")
        }
    }
}
