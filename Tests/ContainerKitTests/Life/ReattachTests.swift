import ContainerKit
import Glibc
import TestSupport
import Testing

private let readerBase = getenv("CONTAINERKIT_READER_BASE").map { FilePath(String(cString: $0)) }

/// The reader that is killed: this test program once more. What it has dealt with is what stands in its own file, whose size is the offset.
@Suite(.enabled(if: readerBase != nil, "a reader for other tests, in a process of its own"))
struct ReaderExample {
    @Test func reader() async throws {
        let base = try #require(readerBase)
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
            $0.removesCgroupParent = false
        } operation: { engine in
            let container = try await engine.reattach("numbers")
            let file = open(base.appending("read").string, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            var status = stat()
            fstat(file, &status)
            for try await chunk in container.outputFile(from: Int64(status.st_size)) {
                if chunk.lost > 0 { exit(70) }
                _ = chunk.bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            }
            try Files.write("", to: base.appending("is-done"))
            container.detach()
        }
    }
}

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: readerBase == nil))
struct ReattachTests {
    /// In file mode a reader that is killed at any moment misses no byte and sees none twice, however fast they come.
    @Test func promise3AKilledReaderSeesEachLineOnce() async throws {
        try await EngineFixture.with { fixture in
            let count = 7_000_000
            let container = try await fixture.engine.start(fixture.directory) {
                $0.name = ContainerID("numbers")
                $0.command = ["sh", "-c", "seq 1000000; sleep 0.5; seq 1000001 4000000; sleep 0.5; seq 4000001 \(count)"]
                $0.life = .durable
            }
            container.detach()
            var environment = ["CONTAINERKIT_READER_BASE": fixture.base.string]
            for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
                if let value = getenv(name) { environment[name] = String(cString: value) }
            }
            var kills = 0
            for round in 0..<40 where !Files.exists(fixture.base.appending("is-done")) {
                let reader = try ChildProcess(
                    Command(
                        [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "ReaderExample"],
                        environment: environment))
                let size = Self.size(fixture.base.appending("read"))
                for _ in 0..<400 where Self.size(fixture.base.appending("read")) == size { try await Task.sleep(for: .milliseconds(5)) }
                if round < 20 {
                    try await Task.sleep(for: .milliseconds(.random(in: 0...20)))
                    if !Files.exists(fixture.base.appending("is-done")) { kills += 1 }
                    Glibc.kill(reader.pid, SIGKILL)
                }
                _ = try? reader.wait(within: .seconds(20))
            }
            #expect(kills >= 4, "the reader was done after \(kills) kills")
            let expected = (1...count).reduce(into: [UInt8]()) { bytes, number in
                bytes += "\(number)\n".utf8
            }
            #expect(try Files.read(fixture.base.appending("read")) == expected)
            try await fixture.engine.reattach("numbers").delete()
        }
    }

    private static func size(_ path: FilePath) -> Int {
        var status = stat()
        return stat(path.string, &status) == 0 ? Int(status.st_size) : 0
    }

    /// A restarted program lists all, those too that ended meanwhile.
    @Test func endedOnesAreListedWithWhatHappened() async throws {
        try await EngineFixture.with { fixture in
            for (name, code) in [("one", 0), ("two", 7)] {
                let container = try await fixture.engine.start(fixture.directory) {
                    $0.name = ContainerID(name)
                    $0.command = ["sh", "-c", "exit \(code)"]
                    $0.life = .durable
                    $0.labels["a"] = name
                }
                try await container.wait()
                container.detach()
            }
            try await fixture.withSecondEngine { other in
                let list = try await other.containers.list()
                #expect(list.map(\.id.description) == ["one", "two"])
                #expect(list.map { $0.labels["a"] } == ["one", "two"])
                #expect(try await other.reattach("two").wait() == .exited(7))
            }
            for name in ["one", "two"] { try await fixture.engine.reattach(name).delete() }
        }
    }

    /// Promise 1, its last part: after a reboot the run directory is empty, and a container has ended with a status that nobody knows.
    /// Its supervisor is still there, since nobody has read what it wrote: who finds it knows at once how it ended.
    @Test func oneThatHasEndedIsFoundEnded() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "echo unread; exit 4"]
                $0.output = .stream
                $0.life = .durable
            }
            #expect(try await container.wait() == .exited(4))
            container.detach()
            for _ in 0..<20 {
                let found = try await fixture.engine.reattach(container.id)
                #expect(found.exit?.status == .exited(4))
                found.detach()
            }
            try await fixture.engine.reattach(container.id).delete()
        }
    }

    @Test func promise1AfterARebootItHasEndedUnknown() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.name = ContainerID("rebooted")
                $0.command = ["true"]
                $0.life = .durable
            }
            try await container.wait()
            container.detach()
            let run = fixture.base.appending("run/containers/rebooted")
            for name in Files.names(in: run) ?? [] { unlink(run.appending(name).string) }
            try #require(rmdir(run.string) == 0)
            // Of another boot.
            let record = fixture.base.appending("root/containers/rebooted/config.json")
            let boot = try Files.text("/proc/sys/kernel/random/boot_id").split(separator: "\n")[0]
            let text = try Files.text(record).replacing(boot, with: "00000000-0000-0000-0000-000000000000")
            try Files.write(text, to: record)
            try await fixture.withSecondEngine { other in
                let list = try await other.containers.list()
                #expect(list.map(\.id.description) == ["rebooted"])
                guard case .stopped(let exit)? = list.first?.state else {
                    Issue.record("\(String(describing: list.first?.state))")
                    return
                }
                #expect(exit.status == .supervisorLost)
                let found = try await other.reattach("rebooted")
                let again = try await other.restart(found)
                #expect(try await again.wait() == .exited(0))
                try await again.delete()
                #expect(!Files.exists(fixture.base.appending("root/containers/rebooted")))
            }
        }
    }

    /// A started-again container has what it wrote before.
    @Test func whatHasEndedIsStartedAgain() async throws {
        try await EngineFixture.with { fixture in
            let image = try await fixture.busybox()
            let container = try await fixture.engine.start(image) {
                $0.command = ["sh", "-c", "echo run >> /count; cat /count; exit $(wc -l < /count)"]
                $0.life = .durable
            }
            #expect(try await container.wait() == .exited(1))
            container.detach()
            let again = try await fixture.engine.restart(container)
            #expect(try await again.wait() == .exited(2))
            #expect(try await again.logs() == "run\nrun\nrun\n")
            try await again.delete()
        }
    }

    /// Whoever lets go of a durable container does not wait for ever.
    @Test func closingEndsPendingWaits() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sleep", "1000"]
                $0.life = .durable
            }
            let wait = Task { try await container.wait() }
            try await Task.sleep(for: .milliseconds(50))
            container.detach()
            let error = await #expect(throws: ContainerError.self) { try await wait.value }
            #expect(error?.code == .closed)
            try await fixture.engine.reattach(container.id).delete()
        }
    }
}
