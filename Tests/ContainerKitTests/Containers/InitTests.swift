import ContainerKit
import TestSupport
import Testing

/// Process 1 of our own.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct InitTests {
    @Test func itReapsAndReturnsTheStatus() async throws {
        try await EngineFixture.with { fixture in
            let script = "cat /proc/1/comm; echo $$; sh -c 'sleep 0.05 & exit 0'; sleep 0.4; ps | grep -c '[Z] '; exit 7"
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script]) { $0.reapsChildren = true }
            let lines = result.standardOutput.split(separator: "\n").map(String.init)
            #expect(lines.first == "ck-init")
            #expect(lines.dropFirst().first != "1")
            #expect(lines.last == "0")
            #expect(result.status == .exited(7))
            let killed = try await fixture.engine.run(fixture.directory, ["sh", "-c", "kill -9 $$"]) { $0.reapsChildren = true }
            #expect(killed.status == .exited(137))
        }
    }

    @Test func itHandsSignalsOn() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "trap 'exit 9' TERM; echo up; while :; do sleep 0.02; done"]
                $0.reapsChildren = true
            } operation: { container in
                try await container.ready(.logLine(containing: "up"))
                #expect(try await container.stop(gracePeriod: .seconds(5)) == .exited(9))
            }
        }
    }

    /// Ctrl-C at a terminal reaches the program once and the init does not end.
    @Test func theTerminalIsThePrograms() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "trap 'echo int' INT; echo up; read a; read a; exit 4"]
                $0.terminal = true
                $0.reapsChildren = true
            } operation: { container in
                var lines = container.standardOutput.lines.makeAsyncIterator()
                #expect(try await lines.next() == "up")
                let input = try #require(container.standardInput)
                try await input.write([3])
                #expect(try await lines.next()?.contains("int") == true)
                try await input.write("a\nb\n")
                #expect(try await container.wait() == .exited(4))
            }
        }
    }

    /// A program that is not there is a failure of the launch, as without.
    @Test func aMissingProgramIsTold() async throws {
        try await EngineFixture.with { fixture in
            let error = await #expect(throws: ContainerError.self) {
                try await fixture.engine.run(fixture.directory, ["/none"]) { $0.reapsChildren = true }
            }
            #expect(error?.code == .launchFailed)
        }
    }

    /// It is a copy of a process of the host: nothing of that can be read, traced or written from inside, by root neither.
    @Test func nothingOfTheHostIsReachableThroughIt() async throws {
        try await EngineFixture.with { fixture in
            let script = """
                for file in mem environ maps auxv syscall stack; do cat /proc/1/$file > /tmp/x 2> /dev/null && [ -s /tmp/x ] && echo read $file; done
                ls /proc/1/fd 2> /dev/null | grep -q . && echo descriptors
                readlink /proc/1/exe && echo executable
                (: > /proc/1/exe) 2> /dev/null && echo written
                (: >> /proc/1/exe) 2> /dev/null && echo written
                ls /proc/1/root/ /proc/1/cwd/ 2> /dev/null | grep -q . && echo root
                tr '\\0' ' ' < /proc/1/cmdline
                """
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script]) { $0.reapsChildren = true }
            #expect(result.standardOutput.filter { $0 != " " } == "ck-init")
            let error = await #expect(throws: ContainerError.self) {
                try await fixture.engine.run(fixture.directory, ["true"]) {
                    $0.reapsChildren = true
                    $0.security.addedCapabilities = ["SYS_PTRACE"]
                }
            }
            #expect(error?.code == .configurationRefused)
        }
    }
}
