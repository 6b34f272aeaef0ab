import ContainerKit
import Glibc
import TestSupport
import Testing

/// Where a host process of the tests below keeps its engine; unset in the tests' own process.
private let hostBase = getenv("CONTAINERKIT_HOST_BASE").map { FilePath(String(cString: $0)) }

/// The program that is killed: this test program once more, running this.
@Suite(.enabled(if: hostBase != nil, "a host for other tests, in a process of its own"))
struct HostExample {
    @Test func host() async throws {
        let base = try #require(hostBase)
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
            $0.durableShim = getenv("CONTAINERKIT_HOST_DURABLE_SHIM").map { FilePath(String(cString: $0)) }
        } operation: { engine in
            let source = ContainerSource.directory(base.appending("rootfs"))
            let script = "while :; do sleep 0.1; echo tick; done"
            _ = try await engine.start(source) { configuration in
                configuration.name = ContainerID("durable")
                configuration.command = ["sh", "-c", script]
                configuration.life = .durable
                configuration.environment["A"] = "kept"
            }
            _ = try await engine.start(source) { configuration in
                configuration.name = ContainerID("throwaway")
                configuration.command = ["sh", "-c", script]
                configuration.output = .discard
                configuration.isShared = true
            }
            try Files.write("", to: base.appending("is-up"))
            try await Task.sleep(for: .seconds(3600))
        }
    }
}

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: hostBase == nil))
struct HostDeathTests {
    /// SIGKILL of the host; Ctrl-C and a hang-up, which reach its whole process group.
    @Test(arguments: [SIGKILL, SIGINT, SIGHUP]) func promise4ThrowawayGoesAndDurableStays(signal: Int32) async throws {
        try await expectDurableStays(after: signal, environment: [:])
    }

    /// The same with an executable of its own for durable containers; who finds them knows nothing of it.
    @Test func promise4WithAnExecutableOfItsOwn() async throws {
        try await expectDurableStays(after: SIGKILL, environment: ["CONTAINERKIT_HOST_DURABLE_SHIM": DurableShimTests.executable.string])
    }

    private func expectDurableStays(after signal: Int32, environment own: [String: String]) async throws {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("host")
            try TestRootFileSystem.make(at: base.appending("rootfs"))
            var environment = own
            environment["CONTAINERKIT_HOST_BASE"] = base.string
            for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
                if let value = getenv(name) { environment[name] = String(cString: value) }
            }
            let host = try ChildProcess(
                Command(
                    ["setsid", "-w", CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "HostExample"],
                    environment: environment))
            for _ in 0..<400 where !Files.exists(base.appending("is-up")) { try await Task.sleep(for: .milliseconds(25)) }
            try #require(Files.exists(base.appending("is-up")), "\(String(decoding: host.output() + host.errors(), as: UTF8.self))")
            // The session of setsid(1): the host and whatever shares its group.
            let group = try #require(try Self.group(below: host.pid))
            Glibc.kill(-group, signal)
            _ = try? host.wait(within: .seconds(10))
            try await withContainerEngine {
                EngineFixture.configure(&$0, in: base)
            } operation: { engine in
                var names: [String] = []
                for _ in 0..<200 {
                    names = try await engine.containers.list().map(\.id.description)
                    if names == ["durable"] { break }
                    try await Task.sleep(for: .milliseconds(10))
                }
                #expect(names == ["durable"])
                let container = try await engine.reattach("durable")
                #expect(container.exit == nil)
                #expect(try DurableShimTests.isSupervisedByIt(container) == !own.isEmpty)
                #expect(try await container.exec(["sh", "-c", "echo $A"]).standardOutput == "kept\n")
                let before = try await container.logs().count
                try await Task.sleep(for: .milliseconds(300))
                #expect(try await container.logs().count > before)
                #expect(try await container.stop(gracePeriod: .milliseconds(100)) == .signaled(.kill))
                try await container.delete()
                #expect(try await engine.containers.list().isEmpty)
                // Made by the host that was killed, so not removed by the engine that only found it.
                _ = try? await engine.run(ContainerSource.directory(base.appending("rootfs")), ["true"])
            }
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
    }

    /// The group of the process that setsid(1) runs: itself, as long as it did not have to fork.
    private static func group(below pid: Int32) throws -> Int32? {
        guard try Files.text(FilePath("/proc/\(pid)/comm")) == "setsid\n" else { return pid }
        return try Files.text(FilePath("/proc/\(pid)/task/\(pid)/children")).split(separator: " ").first.flatMap { Int32($0) }
    }
}

/// Cgroups that a killed engine could not remove.
enum TestCgroups {
    static func remove(_ name: String) throws {
        for hierarchy in Files.names(in: "/sys/fs/cgroup") ?? [] { rmdir("/sys/fs/cgroup/\(hierarchy)/\(name)") }
        rmdir("/sys/fs/cgroup/\(name)")
    }
}
