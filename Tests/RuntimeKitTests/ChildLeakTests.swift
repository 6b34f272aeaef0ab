import CLinux
import Glibc
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Nothing is left in the launcher, whether the launch works or fails, and wherever it fails.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildLeakTests {
    private static let nothing = "descriptors 0 children false\n"

    @Test func aLaunchThatWorks() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["true"])
            plan.cgroup = try cgroups.plan(writes: [])
            #expect(try probe.run("leaks", plan, ["5"]).standardError == Self.nothing)
        }
    }

    @Test func launchesThatFail() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var whole = ChildPlans.full(root: root, ["true"])
            whole.cgroup = try cgroups.plan(writes: [])
            let breaks: [(String, (inout LaunchPlan) -> Void)] = [
                ("cgroup", { $0.cgroup?.directories[1].path = "/sys/fs/cgroup/no/such/parent" }),
                ("write", { $0.cgroup?.directories[1].writes = [.init(file: "none", value: "1", field: "f")] }),
                ("tree", { $0.trees[2] = .fileSystem(type: "nofs", source: "", options: [], attributes: 0) }),
                ("namespace", { $0.namespaces.joined = [.init(type: ck_CLONE_NEWNET, path: "/no/such")] }),
                ("step", { $0.steps[5] = .attach(tree: 0, target: "/etc/passwd/x") }),
                ("ids", { $0.process.uid = .max }),
                ("capabilities", { $0.process.capabilities.permitted = .max }),
                ("exec", { $0.process.arguments = ["/etc/passwd"] }),
                ("filter", { $0.process.seccompProgram = [0x06, 0, 0, 0, 0, 0, 0, 0x80] }),
            ]
            for (name, change) in breaks {
                var plan = whole
                change(&plan)
                let result = try probe.run("leaks", plan, ["2"])
                #expect(result.standardError == Self.nothing, "\(name)")
                #expect(try probe.run("run", plan).status == 125, "\(name)")
                #expect(cgroups.leaves == [], "\(name)")
            }
        }
    }

    /// Hosts whose filter does not know clone3: launch, exec and the older overlay.
    @Test func withoutClone3() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            let layer = probe.directory.appending("layer")
            var plan = ChildPlans.full(root: root, ["echo", "hello"])
            plan.cgroup = try cgroups.plan(writes: [])
            plan.trees[0] = .overlay(
                lower: [layer.string, root.string], upper: nil, work: nil, options: [], attributes: 0)
            plan.forcesLegacyOverlay = true
            try TestDirectory.create(layer)
            let result = try probe.run("run", plan, ["without-clone3"])
            #expect(result.standardOutput == "hello\n", "\(result.standardError)")
            plan.process.arguments = ["sleep", "20"]
            let file = probe.directory.appending("exec")
            try Files.write(ExecPlan(process: ChildPlans.process(["cat", "/proc/1/comm"])).encode(), to: file)
            let exec = try probe.run("exec", plan, [file.string, "without-clone3"])
            #expect(exec.standardOutput == "sleep\n", "\(exec.standardError)")
            #expect(cgroups.leaves == [])
        }
    }

    /// Without a pid namespace of its own the program dies with the launcher by a signal, set after the ids change.
    @Test func aProgramInTheHostsPidNamespaceDiesWithTheLauncher() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["sh", "-c", "echo $$; exec sleep 30"])
            plan.namespaces.new &= ~ck_CLONE_NEWPID
            plan.process.uid = 1000
            let file = probe.directory.appending("plan")
            try Files.write(plan.encode(), to: file)
            let launcher = try TestSupport.ChildProcess(Command([LaunchProbe.path, "run", file.string]))
            var pid = ""
            for _ in 0..<200 where pid.isEmpty {
                usleep(10_000)
                pid = String(decoding: launcher.output(), as: UTF8.self).filter(\.isNumber)
            }
            #expect(Files.exists(FilePath("/proc/\(pid)/stat")))
            launcher.stop()
            var lives = true
            for _ in 0..<200 where lives {
                usleep(10_000)
                let stat = (try? Files.text(FilePath("/proc/\(pid)/stat"))) ?? ""
                lives = !stat.isEmpty && !stat.contains(") Z")
            }
            #expect(!lives)
        }
    }

    /// A container that left processes in its cgroups, with cgroups of its own below: all of it goes.
    @Test func whatAContainerLeavesInItsCgroups() async throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["sh", "-c", "sleep 30 & sleep 31 &"])
            // Without a pid namespace of its own nothing ends them but the removal.
            plan.namespaces.new &= ~ck_CLONE_NEWPID
            plan.steps.removeAll { if case .mount(let type, _, _, _, _) = $0 { type == "proc" } else { false } }
            plan.cgroup = try cgroups.plan(writes: [])
            let result = try probe.run("run", plan)
            #expect(result.status == 0, "\(result.standardError)")
            #expect(cgroups.leaves == [])
        }
    }
}
