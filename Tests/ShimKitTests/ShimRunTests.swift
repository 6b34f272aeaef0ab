import CLinux
import Glibc
import LinuxSystem
import OCIModel
import RuntimeChild
import ShimChild
import ShimKit
import SystemPackage
import TestSupport
import Testing

@Suite("A shim runs a container", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct ShimRunTests {
    @Test func exitCodes() async throws {
        try await ShimFixture.with { fixture in
            for code in [Int32(0), 1, 42, 255] {
                let container = try await fixture.launch(["/bin/sh", "-c", "exit \(code)"])
                #expect(try await container.wait().status == .exited(code))
                try await container.waitUntilRemoved()
            }
            let killed = try await fixture.launch(["/bin/sh", "-c", "kill -9 $$; sleep 100"])
            // Process 1 of a pid namespace is not hit by its own signals.
            try await killed.signal(.kill)
            #expect(try await killed.wait().status == .signaled(.kill))
            try await killed.waitUntilRemoved()
        }
    }

    @Test func output() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sh", "-c", "echo out; echo err >&2"])
            #expect(try await container.standardOutput.collect(limit: 100).bytes == Array("out\n".utf8))
            #expect(try await container.standardError.collect(limit: 100).bytes == Array("err\n".utf8))
            #expect(try await container.wait().status == .exited(0))
            try await container.waitUntilRemoved()
        }
    }

    /// A pipe holds 64 KiB: one byte less, as much, one more, and far more.
    @Test(arguments: [65_535, 65_536, 65_537, 8 << 20]) func outputOfSize(_ size: Int) async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sh", "-c", "yes | head -c \(size)"])
            let (bytes, isTruncated) = try await container.standardOutput.collect(limit: size)
            #expect(bytes.count == size)
            #expect(!isTruncated)
            #expect(try await container.wait().status == .exited(0))
            try await container.waitUntilRemoved()
        }
    }

    @Test func lines() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sh", "-c", "printf 'one\\ntwo\\r\\n\\nlast'"])
            var lines: [String] = []
            for try await line in container.standardOutput.lines { lines.append(String(line)) }
            #expect(lines == ["one", "two", "", "last"])
            try await container.waitUntilRemoved()
        }
    }

    @Test func standardInput() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/cat"]) {
                $0.streams = StreamPlans(input: .pipe, output: .pipe, error: .null)
            }
            let text = Array(String(repeating: "0123456789", count: 50_000).utf8)
            async let output = container.standardOutput.collect(limit: 1 << 20)
            let input = try #require(container.standardInput)
            try await input.write(text)
            await input.finish()
            #expect(try await output.bytes == text)
            #expect(try await container.wait().status == .exited(0))
            try await container.waitUntilRemoved()
        }
    }

    @Test func executableNotFound() async throws {
        try await ShimFixture.with { fixture in
            let error = await #expect(throws: ShimError.self) { try await fixture.launch(["/bin/absent"]) }
            #expect(error?.code == .launchFailed)
            #expect(!Files.exists(fixture.run.appending("containers/test")))
        }
    }

    @Test func parked() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/echo", "hello"]) { $0.isParked = true }
            #expect(container.pid != nil)
            try await container.start()
            #expect(try await container.standardOutput.collect(limit: 100).bytes == Array("hello\n".utf8))
            #expect(try await container.wait().status == .exited(0))
            try await container.waitUntilRemoved()
            // One that is never started.
            let other = try await fixture.launch(["/bin/echo", "hello"]) { $0.isParked = true }
            try await other.delete()
            // One that cannot be executed fails when it is made, not when it is started.
            let error = await #expect(throws: ShimError.self) {
                try await fixture.launch(["/bin/absent"]) { $0.isParked = true }
            }
            #expect(error?.code == .launchFailed)
        }
    }

    @Test func exec() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "1000"])
            var process = ProcessPlan(arguments: ["/bin/sh", "-c", "echo $$ $GREETING; cat /proc/1/cmdline; exit 3"])
            process.environment = ["PATH=/bin", "GREETING=hi"]
            let exec = try await container.exec(
                ExecPlan(process: process), streams: StreamPlans(input: .null, output: .pipe, error: .pipe))
            let output = try await exec.standardOutput.collect(limit: 1000).bytes
            #expect(String(decoding: output, as: UTF8.self).contains("hi\n/bin/sleep"))
            #expect(try await exec.wait().status == .exited(3))
            process.arguments = ["/bin/absent"]
            let plan = ExecPlan(process: process)
            let error = await #expect(throws: ShimError.self) { try await container.exec(plan, streams: StreamPlans()) }
            #expect(error?.code == .launchFailed)
            // One that runs ends with the container.
            process.arguments = ["/bin/sleep", "1000"]
            let sleeper = try await container.exec(ExecPlan(process: process), streams: StreamPlans())
            #expect(try await container.stop(.terminate, gracePeriod: .milliseconds(50)).status == .signaled(.kill))
            #expect(try await sleeper.wait().status != .exited(0))
            try await container.waitUntilRemoved()
        }
    }

    @Test func connect() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/nc", "-ll", "-p", "7777", "-e", "/bin/cat"])
            var socket: SharedDescriptor?
            for _ in 0..<200 where socket == nil {
                socket = try? SharedDescriptor(await container.connect(port: 7777))
                if socket == nil { try await Task.sleep(for: .milliseconds(10)) }
            }
            let connected = try #require(socket)
            try connected.withDescriptor { socket in
                try socket.write("ping")
                var buffer = [UInt8](repeating: 0, count: 16)
                let count = try buffer.withUnsafeMutableBytes { try socket.read(into: $0) }
                #expect(Array(buffer[..<count]) == Array("ping".utf8))
            }
            let error = await #expect(throws: ShimError.self) { _ = try await SharedDescriptor(container.connect(port: 1)) }
            #expect(error?.errno == .connectionRefused)
            try await container.delete()
        }
    }

    @Test func nameIsTaken() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "1000"])
            let error = await #expect(throws: ShimError.self) { try await fixture.launch(["/bin/true"]) }
            #expect(error?.code == .alreadyExists)
            try await container.delete()
        }
    }

    @Test func cancelledWhileItIsMade() async throws {
        try await ShimFixture.with { fixture in
            for microseconds in [0, 200, 500, 1000, 2000, 3000, 5000, 8000] {
                let task = Task { try await fixture.launch(["/bin/sleep", "1000"], id: "cancel-\(microseconds)") }
                try await Task.sleep(for: .microseconds(microseconds))
                task.cancel()
                if let container = try? await task.value { try await container.delete() }
                #expect(!Files.exists(fixture.run.appending("containers/cancel-\(microseconds)")))
            }
        }
    }

    @Test func durableLeavesARecord() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sh", "-c", "exit 7"]) {
                ($0.isDurable, $0.removesItself, $0.isAttachable) = (true, false, true)
            }
            #expect(try await container.wait().status == .exited(7))
            let again = try await fixture.supervisor.reattach(container.id)
            #expect(try await again.wait().status == .exited(7))
            #expect(try await fixture.supervisor.list().count == 1)
            try await again.delete()
            #expect(try await fixture.supervisor.list().isEmpty)
        }
    }

    @Test func reattach() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "1000"]) {
                ($0.isDurable, $0.removesItself, $0.isAttachable) = (true, false, true)
            }
            container.close()
            let again = try await fixture.supervisor.reattach(container.id)
            try await again.signal(.kill)
            #expect(try await again.wait().status == .signaled(.kill))
            try await again.delete()
        }
    }

    /// The shim is process 1 of a namespace around the container's: nothing outlives it.
    @Test func shimIsKilled() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "1000"]) { $0.removesItself = false }
            let pid = try #require(container.pid)
            let parent = try Self.parent(of: pid)
            let shim = try #require(parent)
            kill(shim, SIGKILL)
            #expect(try await container.wait().status == .supervisorLost)
            // The kernel closes a shim's descriptors, its lock too, before it ends the namespace.
            for _ in 0..<200 where kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(kill(pid, 0) == -1)
            let exit = try await container.wait()
            #expect(try await fixture.supervisor.list().first?.status == .stopped(exit))
            try await container.delete()
        }
    }

    static func parent(of pid: Int32) throws -> Int32? {
        let status = try Files.text(FilePath("/proc/\(pid)/status"))
        return status.split(separator: "\n").first { $0.hasPrefix("PPid:") }
            .flatMap { Int32($0.split(separator: "\t").last ?? "") }
    }
}
