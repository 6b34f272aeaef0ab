import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ExecConfinementTests {
    /// The class of CVE-2019-5736: who enters a container must not leave its own executable to be written. A process inside opens the
    /// executable of every process that appears, as long as it is not one of the container's own.
    @Test func theExecutableOfWhoEntersCannotBeWritten() async throws {
        try await EngineFixture.with { fixture in
            let watcher = """
                echo watching
                while [ ! -f /tmp/stop ]; do
                    for process in /proc/[0-9]*; do
                        case $(readlink $process/exe 2> /dev/null) in
                            */busybox | '') ;;
                            *) (: >> $process/exe) 2> /dev/null && echo "written $(readlink $process/exe)" ;;
                        esac
                        (cat $process/environ 2> /dev/null | tr '\\0' '\\n' | grep -q HOSTSECRET) && echo environment
                    done
                done
                """
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", watcher]
            } operation: { container in
                try await container.ready(.logLine(containing: "watching"))
                for _ in 0..<20 { #expect(try await container.exec(["true"]).status == .exited(0)) }
                // The trick of the exploit itself: a program that is the executable of who enters.
                for _ in 0..<3 {
                    _ = try? await container.exec(["/proc/self/exe", "sh", "-c", "sleep 0.2"])
                }
                try await container.exec(["touch", "/tmp/stop"])
                let output = try await container.standardOutput.collect(limit: 1 << 16).bytes
                #expect(String(decoding: output, as: UTF8.self) == "watching\n")
            }
        }
    }

    /// The class of CVE-2024-21626: a working directory through a descriptor that was left open leads to the host's tree.
    @Test func noWorkingDirectoryLeadsOut() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1000"]
            } operation: { container in
                for number in 3..<24 {
                    for path in ["/proc/self/fd/\(number)", "/proc/self/fd/\(number)/.."] {
                        let result = try? await container.exec([
                            "sh", "-c", "ls -d ./proc/1/ns ../../../work ../../../var/lib/dpkg 2> /dev/null",
                        ]) {
                            $0.workingDirectory = path
                        }
                        #expect(result?.standardOutput.contains("dpkg") != true, "\(path) led out")
                        #expect(result == nil, "\(path) was entered")
                    }
                }
            }
        }
    }

    /// An exec that comes when the first process ends is told that it does not run, whatever the kernel says of its pid namespace.
    @Test func anExecAtTheEndSaysNotRunning() async throws {
        try await EngineFixture.with { fixture in
            for _ in 0..<6 {
                try await fixture.engine.withContainer(fixture.directory) {
                    $0.command = ["sleep", "0.05"]
                } operation: { container in
                    while true {
                        do { try await container.exec(["true"]) } catch let error as ContainerError {
                            #expect(error.code == .notRunning, "\(error)")
                            break
                        }
                    }
                }
            }
        }
    }

    /// Cancelled before its answer comes, a process does not go on in the container.
    @Test func aCancelledExecDoesNotRun() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1000"]
            } operation: { container in
                for delay in 0..<20 {
                    let task = Task { try await container.execStream(["sleep", "777"]) { $0.output = .discard } }
                    try await Task.sleep(for: .microseconds(delay * 200))
                    task.cancel()
                    // It was there before: then it is the caller's.
                    if let process = try? await task.value { try await process.signal(.kill) }
                }
                var left = ""
                for _ in 0..<50 where left != "0\n" {
                    left = try await container.exec(["sh", "-c", "ps | grep -c '[s]leep 777'"]).standardOutput
                }
                #expect(left == "0\n")
            }
        }
    }

    @Test func aSignalToAllReachesAll() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "trap 'echo one' USR1; while :; do sleep 0.02; done"]
            } operation: { container in
                let process = try await container.execStream([
                    "sh", "-c", "trap 'echo two; exit 5' USR1; echo up; while :; do sleep 0.02; done",
                ])
                var lines = process.standardOutput.lines.makeAsyncIterator()
                #expect(try await lines.next() == "up")
                try await container.signal(.user1, toAll: true)
                #expect(try await lines.next() == "two")
                #expect(try await process.wait() == .exited(5))
                var own = container.standardOutput.lines.makeAsyncIterator()
                #expect(try await own.next() == "one")
            }
        }
    }
}
