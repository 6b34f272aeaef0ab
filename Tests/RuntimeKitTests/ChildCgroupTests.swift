import CLinux
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Cgroups of a container: entered before the namespace is made, filled, and gone afterwards whatever happens.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildCgroupTests {
    @Test func insideTheContainerEveryPathIsTheRoot() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["cat", "/proc/self/cgroup"])
            plan.cgroup = try cgroups.plan(writes: [.init(file: "pids.max", value: "50", field: "linux.resources.pids")])
            plan.namespaces.newCgroup = true
            let result = try probe.run("run", plan)
            #expect(result.status == 0, "\(result.standardError)")
            for line in result.standardOutput.split(separator: "\n") {
                let used = cgroups.hierarchies.contains { line.contains(":\($0):") } || line.hasPrefix("0::")
                if used { #expect(line.hasSuffix(":/")) }
            }
            #expect(cgroups.leaves == [])
        }
    }

    @Test func aControlThatCannotBeWrittenIsNamedAndNothingIsLeft() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["true"])
            plan.cgroup = try cgroups.plan(writes: [
                .init(file: "no.such.control", value: "1", field: "a", isOptional: true),
                .init(file: "pids.max", value: "50", field: "b"),
                .init(file: "pids.max", value: "nonsense", field: "c"),
            ])
            let result = try probe.run("run", plan)
            #expect(result.standardError == "failure writeCgroup 2 22 0\n")
            #expect(cgroups.leaves == [])
        }
    }

    @Test func aFailureInTheChildLeavesNoCgroup() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["no-such-program"])
            plan.cgroup = try cgroups.plan(writes: [])
            for mode in ["run", "create"] {
                #expect(try probe.run(mode, plan).status == 125)
                #expect(cgroups.leaves == [])
            }
        }
    }

    @Test func aBranchOfProcessesIsLimited() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(
                root: root, ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done 2>&1; echo done"])
            plan.cgroup = try cgroups.plan(writes: [.init(file: "pids.max", value: "4", field: "linux.resources.pids")])
            let result = try probe.run("run", plan)
            #expect((result.standardOutput + result.standardError).contains("fork"))
        }
    }
}
