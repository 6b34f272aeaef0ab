import ContainerKit
import LinuxSystem
import TestSupport
import Testing

/// The second promise: it holds the standard streams open and copies no byte. Its lease is in `AttachTests`.
extension ShimPromiseTests {
    /// What the supervisor holds keeps no stream open: the reader sees the end when the container closes its side, and the container when
    /// the program does.
    @Test func promise2EndOfFileIsEndOfFile() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "echo out; echo err >&2; exec >&- 2>&-; cat > /tmp/in; test $(cat /tmp/in) = typed && exit 3"]
                $0.standardInput = .stream
            } operation: { container in
                #expect(try await container.standardOutput.collect(limit: 100).bytes == Array("out\n".utf8))
                #expect(try await container.standardError.collect(limit: 100).bytes == Array("err\n".utf8))
                #expect(container.exit == nil)
                let input = try #require(container.standardInput)
                try await input.write("typed\n")
                await input.finish()
                #expect(try await container.wait() == .exited(3))
            }
        }
    }

    /// Ours are non-blocking, and those of the container are not: the flag belongs to what both would share.
    @Test func promise2NonBlockingReachesNoOtherHolder() async throws {
        try await EngineFixture.with { fixture in
            let script = "grep flags /proc/self/fdinfo/0 /proc/self/fdinfo/1 /proc/self/fdinfo/2; read line"
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", script]
                $0.standardInput = .stream
                $0.output = .stream
                $0.life = .durable
            }
            container.detach()
            try await fixture.withSecondEngine { other in
                let found = try await other.reattach(container.id)
                let streams = try await found.attach()
                var seen = 0
                for try await line in streams.standardOutput.lines {
                    let flags = try #require(line.split(separator: "\t").last.flatMap { Int($0, radix: 8) })
                    #expect(flags & 0o4000 == 0, "\(line)")
                    seen += 1
                    if seen == 3 { break }
                }
                #expect(seen == 3)
                if let descriptor = try streams.standardOutput.descriptor() {
                    let ours = try Files.text(FilePath("/proc/self/fdinfo/\(descriptor.rawValue)"))
                    let flags = ours.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
                    #expect(flags.flatMap { Int($0, radix: 8) }.map { $0 & 0o4000 } == 0o4000, "\(ours)")
                } else {
                    Issue.record("there is no descriptor")
                }
                try await found.delete()
            }
        }
    }

    enum Form: CaseIterable { case stream, file, log, terminal }

    /// A program that is not root reopens them by name, as many do with /dev/stdout.
    @Test(arguments: Form.allCases) func promise2StreamsBelongToTheContainersUser(form: Form) async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "echo out >> /dev/stdout && echo err >> /dev/stderr && test $(id -u) = 1000"]
                $0.user = "app"
                switch form {
                case .stream: $0.output = .stream
                case .file: $0.output = .file(nil)
                case .log: $0.output = .log()
                case .terminal: $0.terminal = true
                }
            }
            #expect(try await container.wait() == .exited(0))
            try await container.delete()
        }
    }

    /// The master of a pty says EIO when its last slave is closed. That is the end, not an error.
    @Test func promise2ATerminalsEndIsEndOfFile() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "echo last; exit 2"]
                $0.terminal = true
            } operation: { container in
                let status = try await container.wait()
                #expect(status == .exited(2))
                let output = try await container.standardOutput.collect(limit: 100).bytes
                #expect(String(decoding: output, as: UTF8.self) == "last\r\n")
            }
        }
    }

    /// Neither waits for the other: a grandchild may hold a pipe open for ever.
    @Test func promise2AnExecsWaitEndsOnExitItsStreamOnEndOfFile() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1000"]
                $0.isShared = true
            } operation: { container in
                let script = "mkfifo /tmp/gate; (cat /tmp/gate; echo late) & exit 4"
                let process = try await container.execStream(["sh", "-c", script])
                #expect(try await process.wait() == .exited(4))
                let opened = try await container.exec(["sh", "-c", "echo through > /tmp/gate"])
                #expect(opened.status == .exited(0))
                let output = try await process.standardOutput.collect(limit: 100).bytes
                #expect(String(decoding: output, as: UTF8.self) == "through\nlate\n")
            }
        }
    }
}
