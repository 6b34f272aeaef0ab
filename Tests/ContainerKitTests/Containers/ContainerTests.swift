import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ContainerTests {
    struct Own: Error {}

    @Test func execInputOutputAndEnvironment() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) { configuration in
                configuration.command = ["sleep", "1000"]
                configuration.environment["A"] = "1"
            } operation: { container in
                let result = try await container.exec(["sh", "-c", "cat; echo $A $B; id -u; pwd; echo e >&2; exit 4"]) { exec in
                    exec.standardInput = .text("in\n")
                    exec.environment["B"] = "2"
                    exec.user = "app"
                    exec.workingDirectory = "/tmp"
                }
                #expect(result.status == .exited(4))
                #expect(result.standardOutput == "in\n1 2\n1000\n/tmp\n")
                #expect(result.standardError == "e\n")
                let error = await #expect(throws: ContainerError.self) { try await container.exec(["/none"]) }
                #expect(error?.code == .launchFailed)
                // A cancelled exec is gone, and its container goes on.
                let task = Task { try await container.exec(["sleep", "500"]) }
                try await Task.sleep(for: .milliseconds(100))
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
                #expect(try await container.exec(["sh", "-c", "ps | grep -c '[s]leep 500'"]).standardOutput == "0\n")
            }
        }
    }

    @Test func streamsBothWays() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) { configuration in
                configuration.command = ["sh", "-c", "while read line; do echo got $line; done; echo end >&2"]
                configuration.standardInput = .stream
            } operation: { container in
                let input = try #require(container.standardInput)
                var lines = container.standardOutput.lines.makeAsyncIterator()
                for word in ["a", "b"] {
                    try await input.write(word + "\n")
                    #expect(try await lines.next() == "got \(word)")
                }
                await input.finish()
                #expect(try await lines.next() == nil)
                let errors = try await container.standardError.collect(limit: 100)
                #expect(errors.bytes == Array("end\n".utf8))
                #expect(try await container.wait() == .exited(0))
            }
        }
    }

    /// Waiting reads what later readers want; none of it is lost, even of one that writes more than a pipe holds.
    @Test func waitingLosesNoOutput() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "seq 100000; echo ready; seq 3 >&2; sleep 0.1; echo after; exec sleep 1000"]
            } operation: { container in
                try await container.ready(.logLine(containing: "ready"), within: .seconds(20))
                var count = 0
                for try await line in container.standardOutput.lines {
                    count += 1
                    if line == "after" { break }
                }
                #expect(count == 100_002)
                var errors = container.standardError.lines.makeAsyncIterator()
                #expect(try await errors.next() == "1")
            }
        }
    }

    @Test func waitingEndsWithTheContainerAndTheLimit() async throws {
        try await EngineFixture.with { fixture in
            let ended = await #expect(throws: ContainerError.self) {
                try await fixture.engine.withContainer(fixture.directory) {
                    $0.command = ["sh", "-c", "echo why it ends; exit 3"]
                } operation: {
                    try await $0.ready(.listening(on: 80))
                }
            }
            #expect(ended?.code == .notReady)
            #expect(ended.map { "\($0)" }?.contains("exited(3)") == true)
            #expect(ended.map { "\($0)" }?.contains("why it ends") == true)
            let late = await #expect(throws: ContainerError.self) {
                try await fixture.engine.withContainer(fixture.directory) {
                    $0.command = ["sleep", "1000"]
                } operation: {
                    try await $0.ready(.logLine(containing: "never"), within: .milliseconds(200))
                }
            }
            #expect(late?.code == .notReady)
        }
    }

    @Test func connectReachesAServerWithoutNetwork() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "mkdir -p /tmp/www; echo it works > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]
            } operation: { container in
                try await container.ready(.listening(on: 8080), within: .seconds(10))
                let connection = try await container.connect(port: 8080)
                try await connection.write("GET /index.html HTTP/1.0\r\n\r\n")
                var answer: [UInt8] = []
                while let chunk = try await connection.read() { answer += chunk }
                connection.close()
                #expect(String(decoding: answer, as: UTF8.self).hasSuffix("\r\n\r\nit works\n"))
                let refused = await #expect(throws: ContainerError.self) { _ = try await container.connect(port: 81) }
                #expect(refused?.code == .connectionRefused)
            }
        }
    }

    @Test func aThrowRemovesTheContainer() async throws {
        try await EngineFixture.with { fixture in
            await #expect(throws: Own.self) {
                try await fixture.engine.withContainer(fixture.directory) {
                    $0.command = ["sleep", "1000"]
                } operation: { _ in
                    throw Own()
                }
            }
            let left = try await fixture.engine.containers.list()
            #expect(left.isEmpty)
        }
    }

    @Test func createStartStopDelete() async throws {
        try await EngineFixture.with { fixture in
            let engine = fixture.engine
            let container = try await engine.create(fixture.directory) { configuration in
                configuration.name = ContainerID("by-hand")
                configuration.command = ["sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done"]
            }
            let taken = await #expect(throws: ContainerError.self) {
                try await engine.create(fixture.directory) { configuration in
                    configuration.name = ContainerID("by-hand")
                    configuration.command = ["true"]
                }
            }
            #expect(taken?.code == .nameTaken)
            try await container.start()
            try await container.ready(.logLine(containing: "up"))
            let status = try await container.stop()
            #expect(status == .exited(9))
            #expect(container.exit?.status == .exited(9))
            let late = await #expect(throws: ContainerError.self) { try await container.signal(.terminate) }
            #expect(late?.code == .notRunning)
            try await container.delete()
            #expect(try await engine.containers.list().isEmpty)
        }
    }

    @Test func terminal() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) { configuration in
                configuration.command = ["sh", "-c", "stty size; tty; read line; stty size; echo $TERM $line"]
                configuration.terminal = true
                configuration.terminalSize = TerminalSize(rows: 10, columns: 20)
            } operation: { container in
                var lines = container.standardOutput.lines.makeAsyncIterator()
                #expect(try await lines.next() == "10 20")
                #expect(try await lines.next() == "/dev/pts/0")
                try await container.resize(TerminalSize(rows: 30, columns: 40))
                try await #require(container.standardInput).write("typed\n")
                #expect(try await lines.next() == "typed")
                #expect(try await lines.next() == "30 40")
                #expect(try await lines.next() == "xterm typed")
                #expect(try await container.wait() == .exited(0))
            }
        }
    }
}
