import ContainerKit
import Glibc
import TestSupport
import Testing

private let readerBase = getenv("CONTAINERKIT_STREAM_BASE").map { FilePath(String(cString: $0)) }

/// The program that reads for a while and gives its place to the next: this test program once more. What it has dealt with is in a file.
@Suite(.enabled(if: readerBase != nil, "a reader for other tests, in a process of its own"))
struct StreamReaderExample {
    @Test func reader() async throws {
        let base = try #require(readerBase)
        let limit = getenv("CONTAINERKIT_STREAM_CHUNKS").flatMap { Int(String(cString: $0)) } ?? .max
        try await withContainerEngine {
            EngineFixture.configure(&$0, in: base)
            $0.cgroupParent = FilePath("/containerkit-test-\(getppid())")
            $0.removesCgroupParent = false
        } operation: { engine in
            let container = try await engine.reattach("numbers")
            let streams = try await container.attach()
            let file = open(base.appending("read").string, O_WRONLY | O_CREAT | O_APPEND, 0o600)
            var left = limit
            for try await chunk in streams.standardOutput {
                _ = chunk.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
                left -= 1
                if left == 0 { break }
            }
            if left > 0 { try Files.write("", to: base.appending("is-done")) }
            container.detach()
        }
    }
}

/// The third promise in stream mode: programs that restart while a container writes numbered lines as fast as it can.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked, .enabled(if: readerBase == nil))
struct StreamRestartTests {
    private static let count = 4_000_000

    /// In order, each line is seen once.
    @Test func promise3AGracefulRestartSeesEachLineOnce() async throws {
        try await EngineFixture.with { fixture in
            try await Self.begin(fixture)
            var restarts = 0
            while !Files.exists(fixture.base.appending("is-done")) {
                let last = restarts >= 6
                let reader = try Self.reader(fixture, chunks: last ? nil : .random(in: 1...90))
                #expect(try reader.wait(within: .seconds(60)) == 0, "\(Self.text(reader))")
                if last { break }
                restarts += 1
            }
            #expect(restarts >= 4, "the reader was done after \(restarts)")
            #expect(try Files.read(fixture.base.appending("read")) == Self.expected)
            try await fixture.engine.reattach("numbers").delete()
        }
    }

    /// Killed, it loses at most what it had read and not yet used: one chunk each time. None is seen twice.
    @Test func promise3ACrashLosesAtMostWhatWasReadAndNotUsed() async throws {
        try await EngineFixture.with { fixture in
            try await Self.begin(fixture)
            var ends: [Int] = []
            while ends.count < 6, !Files.exists(fixture.base.appending("is-done")) {
                let reader = try Self.reader(fixture, chunks: nil)
                let size = Self.size(fixture)
                for _ in 0..<2000 where Self.size(fixture) == size { try await Task.sleep(for: .milliseconds(2)) }
                usleep(.random(in: 0...3000))
                Glibc.kill(reader.pid, SIGKILL)
                _ = try? reader.wait(within: .seconds(20))
                ends.append(Self.size(fixture))
            }
            #expect(ends.count >= 2)
            let last = try Self.reader(fixture, chunks: nil)
            // One that was killed with the last chunk in hand has left nothing to be attached to.
            let isOver = try last.wait(within: .seconds(60)) != 0
            if isOver { #expect(Self.text(last).contains("the container has ended")) }
            let read = try Files.read(fixture.base.appending("read"))
            let expected = Self.expected
            var position = 0
            for (start, end) in zip([0] + ends, ends + [read.count]) where end > start {
                let part = read[start..<end]
                let skipped = try #require(Self.offset(of: part.prefix(100), in: expected[position...]))
                #expect(skipped <= 64 * 1024)
                position += skipped
                #expect(expected[position...].starts(with: part), "lines are missing between \(start) and \(end)")
                position += part.count
            }
            #expect(expected.count - position <= (isOver ? 64 * 1024 : 0))
            try await fixture.engine.reattach("numbers").delete()
        }
    }

    private static let expected = (1...count).reduce(into: [UInt8]()) { bytes, number in bytes += "\(number)\n".utf8 }

    private static func begin(_ fixture: EngineFixture) async throws {
        let container = try await fixture.engine.start(fixture.directory) {
            $0.name = ContainerID("numbers")
            $0.command = ["seq", "\(count)"]
            $0.output = .stream
            $0.life = .durable
        }
        container.detach()
    }

    private static func reader(_ fixture: EngineFixture, chunks: Int?) throws -> ChildProcess {
        var environment = ["CONTAINERKIT_STREAM_BASE": fixture.base.string]
        if let chunks { environment["CONTAINERKIT_STREAM_CHUNKS"] = "\(chunks)" }
        for name in ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "HOME"] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return try ChildProcess(
            Command(
                [CommandLine.arguments[0], "--testing-library", "swift-testing", "--filter", "StreamReaderExample"],
                environment: environment))
    }

    private static func text(_ reader: ChildProcess) -> String {
        String(decoding: reader.output() + reader.errors(), as: UTF8.self)
    }

    private static func size(_ fixture: EngineFixture) -> Int {
        var status = stat()
        return stat(fixture.base.appending("read").string, &status) == 0 ? Int(status.st_size) : 0
    }

    /// How far the part begins from there.
    private static func offset(of part: ArraySlice<UInt8>, in bytes: ArraySlice<UInt8>) -> Int? {
        part.withUnsafeBytes { part in
            bytes.withUnsafeBytes { bytes in
                guard let base = bytes.baseAddress, let start = part.baseAddress else { return nil }
                return (0...max(0, bytes.count - part.count)).first { memcmp(base + $0, start, part.count) == 0 }
            }
        }
    }
}
