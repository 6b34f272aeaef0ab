import ContainerKit
import Glibc
import TestSupport
import Testing

/// Durable containers that an executable of its own supervises.
@Suite("Durable shim", .serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct DurableShimTests {
    /// The one linked statically that `make test` names, or the one beside the test bundle.
    static let executable =
        getenv("CONTAINERKIT_DURABLE_SHIM").map { FilePath(String(cString: $0)) }
        ?? FilePath(CommandLine.arguments[0]).removingLastComponent().appending("durable-shim")

    /// Whether the parent of its first process is a fork of that executable.
    static func isSupervisedByIt(_ container: Container) throws -> Bool {
        let pid = try #require(container.pid)
        return try runsIt(#require(ProcessView(pid).parent))
    }

    private static func runsIt(_ pid: Int32) throws -> Bool {
        var (file, running) = (stat(), stat())
        try #require(stat(executable.string, &file) == 0)
        try #require(stat("/proc/\(pid)/exe", &running) == 0)
        return file.st_dev == running.st_dev && file.st_ino == running.st_ino
    }

    private static func spawner(of container: Container) throws -> Int32 {
        let pid = try #require(container.pid)
        let shim = try #require(ProcessView(pid).parent)
        return try #require(ProcessView(shim).parent)
    }

    /// Helper processes of this program that run it.
    private static func helpers() throws -> Int {
        let own = (Files.names(in: "/proc") ?? []).compactMap { Int32($0) }.filter { ProcessView($0).parent == getpid() }
        return try own.filter { try ProcessView($0).state != "Z" && runsIt($0) }.count
    }

    private static func with(_ executable: FilePath = executable, _ body: (EngineFixture) async throws -> Void) async throws {
        try await EngineFixture.with(configure: { $0.durableShim = executable }, body)
    }

    private static func start(_ name: String, _ life: ContainerConfiguration.Life, in fixture: EngineFixture) async throws -> Container {
        try await fixture.engine.start(fixture.directory) {
            $0.name = ContainerID(name)
            $0.command = ["sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done"]
            $0.output = .discard
            $0.life = life
        }
    }

    @Test func onlyDurableOnesAreItsAndItStartsWithTheFirst() async throws {
        try await Self.with { fixture in
            let throwaway = try await Self.start("throwaway", .throwaway, in: fixture)
            #expect(try Self.isSupervisedByIt(throwaway) == false)
            #expect(try Self.helpers() == 0)
            let durable = try await Self.start("durable", .durable, in: fixture)
            #expect(try Self.isSupervisedByIt(durable))
            #expect(try Self.helpers() == 1)
            #expect(try await durable.exec(["sh", "-c", "echo said; exit 4"]).status == .exited(4))
            #expect(try await durable.exec(["sh", "-c", "echo said"]).standardOutput == "said\n")
            #expect(try await durable.stop(gracePeriod: .seconds(5)) == .exited(3))
            try await durable.delete()
            try await throwaway.delete()
        }
    }

    /// Either helper process may die: what runs goes on, and the next container of its kind gets another.
    @Test func eachSpawnerIsReplaced() async throws {
        try await Self.with { fixture in
            for life in [ContainerConfiguration.Life.durable, .throwaway] {
                var containers = [
                    try await Self.start("first", .durable, in: fixture), try await Self.start("second", .throwaway, in: fixture),
                ]
                let spawner = try Self.spawner(of: containers[life == .durable ? 0 : 1])
                kill(spawner, SIGKILL)
                while !ProcessView(spawner).isOrphanedZombie, ProcessView(spawner).state != "" {
                    try await Task.sleep(for: .milliseconds(5))
                }
                containers.append(try await Self.start("third", .durable, in: fixture))
                containers.append(try await Self.start("fourth", .throwaway, in: fixture))
                for (container, isDurable) in zip(containers, [true, false, true, false]) {
                    #expect(try await container.exec(["true"]).status == .exited(0))
                    #expect(try Self.isSupervisedByIt(container) == isDurable)
                }
                for container in containers { try await container.delete() }
            }
        }
    }

    /// The shim itself starts it again.
    @Test func restartPolicyHolds() async throws {
        try await Self.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.name = ContainerID("restarted")
                $0.command = ["sh", "-c", "echo . >> /proof; exit 5"]
                $0.output = .discard
                $0.life = .durable
                $0.restart = .onFailure(atMost: 2)
            }
            #expect(try await container.wait() == .exited(5))
            try await container.delete()
        }
    }

    /// One that is none is refused by name where it is needed, and nothing is left of the container.
    @Test(arguments: ["/bin/true", "/nonexistent/durable-shim"]) func anotherExecutableIsRefused(_ path: String) async throws {
        try await Self.with(FilePath(path)) { fixture in
            let error = await #expect(throws: ContainerError.self) { _ = try await Self.start("refused", .durable, in: fixture) }
            let text = "\(try #require(error))"
            #expect(text.contains("\(path): "), "\(text)")
            let left = try await fixture.engine.containers.list()
            #expect(left.isEmpty)
            let status = try await fixture.engine.run(fixture.directory, ["true"]).status
            #expect(status == .exited(0))
        }
    }
}
