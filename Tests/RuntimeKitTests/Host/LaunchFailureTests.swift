import OCIModel
import RuntimeChild
import SystemPackage
import Testing

@testable import RuntimeKit

/// A failure of the child names the thing and the way out.
@Suite struct LaunchFailureTests {
    static func plan() throws -> LaunchPlan {
        try Configurations.compile {
            $0.process?.args = ["/bin/program"]
            $0.process?.cwd = "/srv"
            $0.process?.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 1, hard: 1)]
            $0.mounts?.append(.init(destination: "/data", type: "bind", source: "/srv/data", options: ["rbind"]))
            $0.linux?.resources = .init(memory: .init(limit: 1 << 20), pids: .init(limit: 5))
        }
    }

    private func error(_ phase: LaunchPhase, _ errno: Errno, index: UInt32 = 0, signal: Int32 = 0) throws -> RuntimeError {
        RuntimeError(LaunchFailure(phase, index: index, errno: errno, signal: signal), of: try Self.plan())
    }

    @Test func programs() throws {
        let missing = try error(.exec, .noSuchFileOrDirectory)
        #expect(missing.code == .executableNotFound && missing.subject == .path("/bin/program"))
        #expect(missing.advice?.contains("PATH") == true)
        #expect(try error(.exec, .permissionDenied).code == .executableNotRunnable)
        #expect(try error(.exec, .execFormatError).advice?.contains("architecture") == true)
        #expect(try error(.workingDirectory, .noSuchFileOrDirectory).subject == .path("/srv"))
    }

    @Test func cgroupsNameFileAndField() throws {
        let failed = try error(.writeCgroup, .invalidArgument, index: 1)
        #expect(failed.code == .cgroupFailed && failed.subject == .field("linux.resources.pids.limit"))
        #expect(failed.reason.contains("/nowhere/cgroup/containerkit-test/one/pids.max"))
        let made = try error(.makeCgroup, .notPermitted)
        #expect(made.subject == .path("/nowhere/cgroup/containerkit-test/one"))
        #expect(made.advice?.contains("root") == true)
    }

    @Test func treesNameTheirSource() throws {
        let plan = try Self.plan()
        let index = try #require(
            plan.trees.firstIndex {
                if case .bind("/srv/data", _, _, _, _, _, _) = $0 { true } else { false }
            })
        let failed = try error(.prepareTree, .noSuchFileOrDirectory, index: UInt32(index))
        #expect(failed.code == .mountFailed && failed.subject == .path("/srv/data"))
        #expect(failed.reason.contains("mounts[7].source") && failed.advice?.contains("host") == true)
    }

    @Test func everyStepNamesItself() throws {
        let plan = try Self.plan()
        for index in plan.steps.indices {
            let failed = try error(.step, .permissionDenied, index: UInt32(index))
            #expect(!failed.reason.isEmpty && !failed.description.contains("nil"))
        }
    }

    /// Indices that the plan does not have may come from a broken child: never a crash, always a sentence.
    @Test(arguments: LaunchPhase.allCases) func everyPhaseAndEveryIndexHasAMessage(phase: LaunchPhase) throws {
        for index in [0, 7, UInt32.max] {
            let failed = try error(phase, .notPermitted, index: index, signal: 9)
            #expect(failed.description.count > 20)
        }
    }

    @Test func deathsAreTold() throws {
        #expect(try error(.died, .init(rawValue: 0), signal: 31).advice?.contains("seccomp") == true)
        #expect(try error(.died, .init(rawValue: 0), signal: 9).code == .diedBeforeExec)
        #expect(try error(.crashed, .init(rawValue: 0), signal: 11).code == .childCrashed)
    }

    /// Each row of the table of advice, so that none is unreachable behind another.
    @Test func everyAdviceIsReachable() {
        var texts: Set<String> = []
        for attempt in ErrnoAdvice.Attempt.allCases {
            for number in CInt(1)...133 {
                if let advice = ErrnoAdvice.advice(for: Errno(rawValue: number), on: attempt) {
                    #expect(advice.hasSuffix(".") && advice.first?.isUppercase == true)
                    texts.insert(advice)
                }
            }
        }
        #expect(texts.count >= 64, "\(texts.count)")
    }

    @Test(arguments: [
        (ErrnoAdvice.Attempt.executable, Errno.execFormatError, "architecture"), (.executable, .noSuchFileOrDirectory, "interpreter"),
        (.executable, .permissionDenied, "noexec"), (.executable, .argListTooLong, "too long"), (.cgroup, .resourceBusy, "leaves"),
        (.cgroup, .readOnlyFileSystem, "read-only"), (.cgroup, .fileExists, "id"), (.cgroupControl, .noSuchFileOrDirectory, "swapaccount"),
        (.clone, .noSpace, "user.max_"), (.clone, .resourceTemporarilyUnavailable, "pids.max"), (.clone, .notPermitted, "root"),
        (.mountSource, .noSuchFileOrDirectory, "host"), (.mount, .readOnlyFileSystem, "tmpfs"), (.limit, .notPermitted, "fs.nr_open"),
        (.oomScore, .permissionDenied, "CAP_SYS_RESOURCE"), (.seccomp, .permissionDenied, "noNewPrivileges"),
        (.ids, .invalidArgument, "uidMappings"), (.terminal, .noSpace, "kernel.pty.max"), (.label, .noSuchFileOrDirectory, "loaded"),
        (.namespace, .noSuchFileOrDirectory, "ended"), (.sysctl, .noSuchFileOrDirectory, "parameter"),
        (.scope, .noSuchFileOrDirectory, "start dbus"), (.scope, .permissionDenied, "StartTransientUnit"), (.scope, .timedOut, "list-jobs"),
        (.deviceFilter, .notPermitted, "CAP_BPF"), (.workingDirectory, .noSuchFileOrDirectory, "directory"),
    ]) func adviceNamesTheWayOut(attempt: ErrnoAdvice.Attempt, errno: Errno, word: String) {
        #expect(ErrnoAdvice.advice(for: errno, on: attempt)?.contains(word) == true)
    }
}
