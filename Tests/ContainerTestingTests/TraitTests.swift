import ContainerTesting
import Glibc
import Synchronization
import TestSupport
import Testing

/// The root file system of the examples: made once for the process, below the directory for temporary files.
enum TestRoot {
    static let path: FilePath? = {
        guard Privileges.isRoot else { return nil }
        let base = TestDirectory.base.appending("containertesting-\(getpid())")
        TestContainers.configuration.root = base.appending("root")
        TestContainers.configuration.run = base.appending("run")
        TestContainers.configuration.cgroupParent = FilePath("/containerkit-test-\(getpid())")
        TestContainers.configuration.removesCgroupParent = true
        TestContainers.configuration.durability = .none
        do {
            try TestDirectory.create(base)
            try TestRootFileSystem.make(at: base.appending("rootfs"))
            atexit { try? TestDirectory.remove(TestDirectory.base.appending("containertesting-\(getpid())")) }
        } catch { return nil }
        return base.appending("rootfs")
    }()

    static var source: ContainerSource { .directory(path ?? "/nonexistent") }
}

@Suite(
    .serialized, .needsRoot, .tags(.privileged), .leakChecked,
    .container(TestRoot.source, name: "shared") { $0.command = ["sleep", "1000"] })
struct SharedContainerTests {
    private static let seen = Mutex<Set<String>>([])

    @Test(arguments: 0..<4) func oneForAllTests(number: Int) async throws {
        let container = try #require(Container.current)
        let count = Self.seen.withLock { seen in
            seen.insert(container.id.description)
            return seen.count
        }
        #expect(count == 1)
        #expect(try await container.exec(["echo", "\(number)"]).standardOutput == "\(number)\n")
        #expect(Container.named("shared")?.id == container.id)
    }

    @Test(.container(TestRoot.source, name: "own") { $0.command = ["sleep", "1000"] })
    func oneMoreOfItsOwn() async throws {
        let own = try #require(Container.named("own"))
        #expect(Container.current?.id == own.id)
        #expect(Container.named("shared") != nil)
        #expect(Container.named("shared")?.id != own.id)
    }
}

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ReadinessTests {
    @Test(
        .container(TestRoot.source, ready: .listening(on: 80)) {
            $0.command = ["sh", "-c", "sleep 0.3; mkdir -p /tmp/www; echo it works > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www"]
        })
    func listening() async throws {
        let connection = try await #require(Container.current).connect(port: 80)
        defer { connection.close() }
        try await connection.write("GET /index.html HTTP/1.0\r\n\r\n")
        var answer: [UInt8] = []
        while let chunk = try await connection.read() { answer += chunk }
        #expect(String(decoding: answer, as: UTF8.self).hasSuffix("it works\n"))
    }

    @Test(
        .container(TestRoot.source, name: "log", ready: .logLine(containing: "ready to")) {
            $0.command = ["sh", "-c", "echo starting; sleep 0.2; echo 'now ready to serve' >&2; sleep 1000"]
        },
        .container(TestRoot.source, name: "command", ready: .command(["test", "-e", "/tmp/flag-of-command"])) {
            $0.command = ["sh", "-c", "sleep 0.2; touch /tmp/flag-of-command; sleep 1000"]
        })
    func logLineAndCommand() async throws {
        #expect(try await #require(Container.named("log")).logs() == "starting\nnow ready to serve\n")
        #expect(try await #require(Container.named("command")).exec(["ls", "/tmp/flag-of-command"]).status.isSuccess)
    }
}
