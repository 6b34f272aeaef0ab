import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Hooks: where they run, what they get, and what their failure does. See: runtime-spec config.md, "POSIX-platform Hooks".
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct HookTests {
    private struct Run {
        var result: Command.Result
        var log: String
    }

    /// Hooks write into one log, which lies in the container's root. `body` is what each script does besides.
    private func run(_ hooks: Set<String>, body: String = "", seconds: Int = 5) async throws -> Run {
        var run: Run?
        try await withProbe { probe, root throws in
            var paths: [String] = []
            for (kind, place, log) in [
                ("runtime", probe.directory.appending("runtime"), root.appending("log").string),
                ("container", probe.directory.appending("container"), root.appending("log").string),
                ("start", root.appending("start"), "/log"),
            ] {
                let script = "#!/bin/sh\necho \"\(kind) $1 $MARK $(env | wc -l) $(hostname) $(cat)\" >> \(log)\n\(body)\n"
                try Files.write(script, to: place)
                chmod(place.string, 0o755)
                paths.append(!hooks.contains(kind) ? "-" : kind == "start" ? "/start" : place.string)
            }
            let plan = ChildPlans.full(root: root, ["sh", "-c", "echo program >> /log"])
            let result = try probe.run("hooks", plan, paths + [String(seconds)])
            run = Run(result: result, log: (try? Files.text(root.appending("log"))) ?? "")
        }
        return try #require(run)
    }

    /// The launcher's run in its namespaces and see the host's name; the other two in the container's, one before and one after the
    /// change of root. All get the state, and nothing of the host's environment.
    @Test func theyRunInOrderAndInTheirPlaces() async throws {
        let run = try await run(["runtime", "container", "start"])
        #expect(run.result.status == 0, "\(run.result.standardError)")
        let lines = run.log.split(separator: "\n").map(String.init)
        try #require(lines.count == 4, "\(lines)")
        let words = lines.map { $0.split(separator: " ").map(String.init) }
        #expect(words.map { $0[0] } == ["runtime", "container", "start", "program"])
        for line in words.dropLast() {
            #expect(line[1] == "argument" && line[2] == "mark", "\(line)")
            #expect(line.last?.hasPrefix(#"{"pid":"#) == true, "\(line)")
        }
        #expect(words[0].last == words[1].last && words[1].last == words[2].last, "one pid: the runtime's view of it")
        // The names are set after the change of root.
        #expect(words[2][4] == "inside", "\(words)")
    }

    @Test(arguments: [("runtime", "failure runtimeHook 0 125 0\n"), ("container", "failure containerHook 0 125 0\n")])
    func aFailureEndsTheCreation(_ kind: String, _ failure: String) async throws {
        let run = try await run([kind], body: "exit 3")
        #expect(run.result.standardError == failure)
        #expect(!run.log.contains("program"))
        #expect(run.result.standardOutput == "")
    }

    @Test func aFailureEndsTheStart() async throws {
        let run = try await run(["start"], body: "exit 3")
        #expect(run.result.standardOutput == "between\n", "it was created")
        #expect(run.result.standardError == "failure startHook 0 125 0\n")
        #expect(!run.log.contains("program"))
    }

    /// The launcher's descriptors, environment, limits and keys stay with it, wherever the hook runs.
    @Test func nothingOfTheLauncherReachesAHook() async throws {
        let look =
            "echo $(ls /proc/self/fd | grep -cx 7) / $(ulimit -n) / $(env | grep -c PLANTED) / $(grep -c containerkit-planted /proc/keys)"
        try await withProbe { probe, root throws in
            for path in [probe.directory.appending("runtime"), probe.directory.appending("container"), root.appending("start")] {
                try Files.write("#!/bin/sh\n\(look) > $0.log\n", to: path)
                chmod(path.string, 0o755)
            }
            let plan = probe.directory.appending("plan")
            try Files.write(ChildPlans.full(root: root, ["true"]).encode(), to: plan)
            let own = probe.directory.appending("own").string
            let hooks = [probe.directory.appending("runtime").string, probe.directory.appending("container").string, "/start", "5"]
            let launcher = try CarelessHost.startWithKeyring(
                Command(
                    ["sh", "-c", "exec 7< /etc/passwd; ulimit -S -n 777; \(look) > \(own); exec \"$@\"", "sh", LaunchProbe.path, "hooks"]
                        + [plan.string] + hooks,
                    environment: ["PLANTED": "1", "PATH": "/usr/bin:/bin"]))
            #expect(try launcher.wait(within: .seconds(20)) == 0, "\(String(decoding: launcher.errors(), as: UTF8.self))")
            let text = try Files.text(FilePath(own))
            #expect(text == "1 / 777 / 1 / 1\n", "what is looked for can be found")
            for path in [probe.directory.appending("runtime.log"), probe.directory.appending("container.log"), root.appending("start.log")]
            {
                let text = try Files.text(path)
                #expect(text == "0 / 1024 / 0 / 0\n", "\(path)")
            }
        }
    }

    @Test func aHookThatTakesTooLongIsKilled() async throws {
        let run = try await run(["container"], body: "exec sleep 30", seconds: 1)
        #expect(run.result.standardError == "failure containerHook 0 110 0\n")
        #expect(!run.log.contains("program"))
    }

    @Test func aHookThatIsMissingIsAFailure() async throws {
        let hook = RuntimeConfiguration.Hook(path: "/no/such/hook")
        let hooks = try ContainerHooks(
            .init(prestart: [hook], createRuntime: [.init(path: "/b", args: ["b", "c"], env: ["D=e"], timeout: 7)]))
        // `prestart` comes first, and argv[0] is the path where nothing is said.
        #expect(hooks.runtime.map(\.field) == ["hooks.prestart[0]", "hooks.createRuntime[0]"])
        #expect(hooks.runtime[0].plan.arguments == ["/no/such/hook"])
        #expect(hooks.runtime[1].plan == HookPlan(path: "/b", arguments: ["b", "c"], environment: ["D=e"], timeout: 7))
    }

    @Test func everyKindHasItsPlace() throws {
        let hooks = try ContainerHooks(
            .init(
                createContainer: [.init(path: "/c")], startContainer: [.init(path: "/s")], poststart: [.init(path: "/ps")],
                poststop: [.init(path: "/pp")]))
        #expect(hooks.container.map(\.path) == ["/c"] && hooks.start.map(\.path) == ["/s"])
        #expect(hooks.poststart.map(\.plan.path) == ["/ps"] && hooks.poststop.map(\.plan.path) == ["/pp"])
    }

    @Test(arguments: [RuntimeConfiguration.Hook(path: "relative"), .init(path: "/a", timeout: 0), .init(path: "/a", env: ["a\0b"])])
    func nonsenseIsRefused(_ hook: RuntimeConfiguration.Hook) {
        let error = #expect(throws: RuntimeError.self) { try ContainerHooks(.init(poststop: [hook])) }
        #expect(error?.code == .invalidField)
    }
}
