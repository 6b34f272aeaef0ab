import RuntimeChild
import RuntimeKit
import SystemPackage
import Testing

/// The number that travels from the new process becomes an error that names the thing.
@Suite("Launch failures as errors")
struct LaunchFailureMappingTests {
    private func plan() -> LaunchPlan {
        var plan = LaunchPlan(containerID: "failing", process: ProcessPlan(arguments: ["/bin/missing"]))
        plan.process.workingDirectory = "/nowhere"
        return plan
    }

    static let codes: [(LaunchPhase, Errno, RuntimeError.Code)] = [
        (.decodePlan, .invalidArgument, .planRejected), (.makeCgroup, .fileExists, .cgroupFailed),
        (.writeCgroup, .invalidArgument, .cgroupFailed), (.prepareTree, .noSuchFileOrDirectory, .mountFailed),
        (.joinNamespace, .invalidArgument, .namespaceFailed), (.executable, .noSuchFileOrDirectory, .executableNotFound),
        (.executable, .permissionDenied, .executableNotRunnable), (.workingDirectory, .noSuchFileOrDirectory, .workingDirectoryUnusable),
        (.seccomp, .invalidArgument, .seccompFailed), (.died, .interrupted, .diedBeforeExec), (.crashed, .interrupted, .childCrashed),
    ]

    @Test(arguments: codes)
    func code(_ phase: LaunchPhase, _ errno: Errno, _ code: RuntimeError.Code) {
        let error = RuntimeError(LaunchFailure(phase, errno: errno, signal: phase == .crashed ? 11 : 9), of: plan())
        #expect(error.code == code)
    }

    @Test func theThingIsNamed() {
        let missing = RuntimeError(LaunchFailure(.executable, errno: .noSuchFileOrDirectory), of: plan())
        #expect(missing.description.contains("/bin/missing"))
        let directory = RuntimeError(LaunchFailure(.workingDirectory, errno: .noSuchFileOrDirectory), of: plan())
        #expect(directory.description.contains("/nowhere"))
    }
}
