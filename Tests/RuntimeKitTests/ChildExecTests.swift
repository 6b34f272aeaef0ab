import CLinux
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Further processes in a running container.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildExecTests {
    private func exec(_ process: ProcessPlan, cgroup: CgroupPlan? = nil) async throws -> Command.Result {
        var result: Command.Result?
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["sleep", "20"])
            plan.cgroup = cgroup
            plan.namespaces.newCgroup = cgroup != nil
            let file = probe.directory.appending("exec")
            try Files.write(ExecPlan(process: process).encode(), to: file)
            result = try probe.run("exec", plan, [file.string])
        }
        return try #require(result)
    }

    @Test func itSeesTheContainerAndItsStatusComesBack() async throws {
        var process = ChildPlans.process(["sh", "-c", "hostname; cat /proc/1/comm; pwd; id -u; exit 9"])
        process.uid = 1000
        process.workingDirectory = "/tmp"
        let result = try await exec(process)
        #expect(result.standardOutput == "inside\nsleep\n/tmp\n1000\n", "\(result.standardError)")
        #expect(result.status == 9)
    }

    @Test func aMissingProgramIsAFailureOfTheExecAlone() async throws {
        let result = try await exec(ChildPlans.process(["no-such-program"]))
        #expect(result.standardError == "failure exec 0 2 0\n")
    }

    @Test func aTerminalOfTheContainersDevpts() async throws {
        var process = ChildPlans.process(["sh", "-c", "tty; stty size"])
        process.terminal = true
        process.terminalSize = TerminalSize(rows: 5, columns: 6)
        let result = try await exec(process)
        #expect(result.standardOutput == "/dev/pts/0\r\n5 6\r\n", "\(result.standardError)")
    }

    @Test func itEntersTheCgroups() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        let result = try await exec(
            ChildPlans.process(["grep", "-vE", ":/$", "/proc/self/cgroup"]), cgroup: try cgroups.plan(writes: []))
        // Every hierarchy in use reads `/`; those that are not show the host's path.
        for name in cgroups.hierarchies { #expect(!result.standardOutput.contains(":\(name):"), "\(result.standardOutput)") }
    }
}
