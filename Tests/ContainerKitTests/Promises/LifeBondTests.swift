import ContainerKit
import Glibc
import TestSupport
import Testing

/// How a host of the tests below ends; unset in the tests' own process.
private let bond = getenv("CONTAINERKIT_BOND").map { String(cString: $0) }

/// The program that ends: this test program once more.
@Suite(.enabled(if: bond != nil, "a host for other tests, in a process of its own"))
struct BondHost {
    @Test func host() async throws {
        let path = try #require(getenv("CONTAINERKIT_BOND_BASE").map { String(cString: $0) })
        let base = FilePath(path)
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
        } operation: { engine in
            let container = try await engine.start(ContainerSource.directory(base.appending("rootfs"))) {
                $0.name = ContainerID("bound")
                $0.command = ["sleep", "1000"]
                $0.output = .discard
                $0.isShared = true
            }
            if bond == "children" { try Self.leaveSockets(base) }
            let pid = try #require(container.pid)
            try Files.write("\(pid)", to: base.appending("pid.new"))
            rename(base.appending("pid.new").string, base.appending("pid").string)
            if bond == "execve" {
                var words = Self.sleep
                execv("/bin/sleep", &words)
            }
            try await Task.sleep(for: .seconds(60))
        }
    }

    private static var sleep: [UnsafeMutablePointer<CChar>?] { [strdup("sleep"), strdup("20"), nil] }

    /// Starts a program that inherits every descriptor of this one.
    private static func leaveSockets(_ base: FilePath) throws {
        for number: Int32 in 3..<1024 where fcntl(number, F_GETFD) >= 0 { _ = fcntl(number, F_SETFD, 0) }
        var words = Self.sleep
        var child: pid_t = 0
        #expect(posix_spawn(&child, "/bin/sleep", nil, nil, &words, environ) == 0)
        try Files.write("\(child)", to: base.appending("heir"))
    }
}

/// The fourth promise: the life of a throwaway container is bound to its program's.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: bond == nil))
struct LifeBondTests {
    /// A child that keeps the sockets of a killed program keeps no container alive.
    @Test func promise4ChildrenOfTheProgramKeepNothingAlive() async throws {
        try await Self.withHost("children") { host, base in
            Glibc.kill(host.pid, SIGKILL)
            _ = try? host.wait(within: .seconds(10))
            try await Self.expectGone(base)
            let text = try Files.text(base.appending("heir"))
            let heir = try #require(Int32(text))
            #expect(ProcessView(heir).descriptors.values.contains { $0.hasPrefix("socket:") }, "nobody held a socket")
            Glibc.kill(heir, SIGKILL)
        }
    }

    /// A program that becomes another one has ended, although its process goes on.
    @Test func promise4AnExecveIsTheProgramsEnd() async throws {
        try await Self.withHost("execve") { host, base in
            try await Self.expectGone(base)
            #expect(host.isRunning)
            #expect(ProcessView(host.pid).text("comm") == "sleep\n")
            host.stop()
        }
    }

    private static func withHost(_ end: String, _ body: (ChildProcess, FilePath) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("bond")
            try TestRootFileSystem.make(at: base.appending("rootfs"))
            var environment = ["CONTAINERKIT_BOND": end, "CONTAINERKIT_BOND_BASE": base.string]
            for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
                if let value = getenv(name) { environment[name] = String(cString: value) }
            }
            let host = try ChildProcess(
                Command(
                    [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "BondHost"], environment: environment))
            for _ in 0..<800 where !Files.exists(base.appending("pid")) && host.isRunning { try await Task.sleep(for: .milliseconds(25)) }
            try #require(Files.exists(base.appending("pid")), "\(String(decoding: host.output() + host.errors(), as: UTF8.self))")
            try await body(host, base)
            try TestCgroups.remove("containerkit-test-\(getpid())")
        }
    }

    /// Process, cgroup and run directory, within two seconds.
    private static func expectGone(_ base: FilePath) async throws {
        let text = try Files.text(base.appending("pid"))
        let pid = try #require(Int32(text))
        let directory = base.appending("run/containers/bound")
        func isThere() -> Bool { !ProcessView(pid).isOrphanedZombie || Files.exists(directory) }
        for _ in 0..<200 where isThere() { try await Task.sleep(for: .milliseconds(10)) }
        #expect(ProcessView(pid).isOrphanedZombie, "\(ProcessView(pid).text("comm"))")
        #expect(!Files.exists(directory))
    }
}
