import Glibc
import LinuxSystem
import OCIModel
import RuntimeKit
import ShimKit
import SystemPackage
import TestSupport
import Testing

/// What a program without images has: a root directory, a configuration, one call.
@Suite("The container supervisor", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct ContainerSupervisorTests {
    private func with(_ body: (ContainerSupervisor, RuntimeConfiguration, FilePath) async throws -> Void) async throws {
        let directory = try TestDirectory.make("supervisor")
        let root = directory.appending("root")
        try TestRootFileSystem.make(at: root)
        let supervisor = try await ContainerSupervisor(
            directory: directory.appending("run"), cgroupParent: CgroupParent(FilePath("/containerkit-test-\(getpid())")))
        let configuration = RuntimeConfiguration(
            root: .init(path: root.string), mounts: [.init(destination: "/proc", type: "proc", source: "proc")],
            process: .init(user: .init(uid: 0, gid: 0), args: ["/bin/true"], env: ["PATH=/bin"], cwd: "/"),
            linux: .init(
                namespaces: [.pid, .network, .mount, .ipc, .uts, .cgroup].map { .init(type: $0) },
                resources: .init(memory: .init(limit: 32 << 20), pids: .init(limit: 23))))
        var failure: (any Error)?
        do { try await body(supervisor, configuration, directory) } catch { failure = error }
        await supervisor.shutdown()
        try TestDirectory.remove(directory)
        if let failure { throw failure }
    }

    @Test func runsAndRemoves() async throws {
        try await with { supervisor, configuration, directory in
            var configuration = configuration
            configuration.process?.args = ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"]
            let id = try #require(ContainerID("one"))
            for _ in 0..<3 {
                let (exit, output) = try await supervisor.run(configuration, id: id)
                #expect(exit.status == .exited(7))
                #expect(String(decoding: output, as: UTF8.self) == "out\nerr\n")
                #expect(access(directory.appending("run/containers/one").string, F_OK) != 0)
            }
        }
    }

    /// The kernel has the numbers of the configuration while the container runs.
    @Test func limitsReachTheKernel() async throws {
        try await with { supervisor, configuration, _ in
            var configuration = configuration
            configuration.process?.args = ["/bin/sleep", "1"]
            let id = try #require(ContainerID("limited"))
            let slow = configuration
            async let run = supervisor.run(slow, id: id)
            let places = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"]
            var found = ""
            for _ in 0..<90 where found.isEmpty {
                try await Task.sleep(for: .milliseconds(10))
                for place in places {
                    let path = "\(place)/containerkit-test-\(getpid())/limited/pids.max"
                    // An unset limit reads as "max".
                    if let file = try? OwnedDescriptor.open(path, flags: O_RDONLY), let bytes = try? file.readAll(limit: 64) {
                        let text = String(decoding: bytes, as: UTF8.self)
                        if !text.hasPrefix("max") { found = text }
                    }
                }
            }
            #expect(found == "23\n")
            #expect(try await run.exit.status == .exited(0))
        }
    }

    @Test func refusalsAreErrors() async throws {
        try await with { supervisor, configuration, _ in
            var refused = configuration
            refused.hooks = .init(poststop: [.init(path: "/bin/true")])
            let id = try #require(ContainerID("refused"))
            let error = await #expect(throws: RuntimeError.self) { try await supervisor.run(refused, id: id) }
            #expect(error?.code == .unsupportedField)
            var missing = configuration
            missing.process?.args = ["/no/such/program"]
            let launch = await #expect(throws: ShimError.self) { try await supervisor.run(missing, id: id) }
            #expect((launch?.cause as? RuntimeError)?.code == .executableNotFound)
        }
    }

    /// Cancelling ends the container long before it would end by itself.
    @Test func cancelling() async throws {
        try await with { supervisor, configuration, _ in
            var configuration = configuration
            configuration.process?.args = ["/bin/sleep", "60"]
            let id = try #require(ContainerID("cancelled"))
            let sleeper = configuration
            let start = ContinuousClock.now
            let task = Task { try await supervisor.run(sleeper, id: id) }
            try await Task.sleep(for: .milliseconds(200))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(ContinuousClock.now - start < .seconds(20))
        }
    }
}
