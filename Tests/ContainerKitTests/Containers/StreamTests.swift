import ContainerKit
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct StreamTests {
    /// The pipe's size, one byte more and one less: neither hangs, none is lost.
    @Test(arguments: [65_535, 65_536, 65_537]) func aroundThePipesSize(count: Int) async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(
                fixture.directory, ["sh", "-c", "head -c \(count) /dev/zero; head -c \(count) /dev/zero >&2"])
            #expect(result.outputBytes.count == count)
            #expect(result.errorBytes.count == count)
        }
    }

    /// A reader that stalls shows as a container that is blocked on its output; reading on, it gets everything.
    @Test func promise3AReaderThatStallsBlocksTheContainer() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["seq", "200000"]
            } operation: { container in
                for _ in 0..<200 where !container.standardOutput.isBlocked { try await Task.sleep(for: .milliseconds(5)) }
                #expect(container.standardOutput.isBlocked)
                #expect(container.exit == nil)
                var count = 0
                for try await line in container.standardOutput.lines {
                    count += 1
                    if line != "\(count)" { Issue.record("\(line) instead of \(count)") }
                }
                #expect(count == 200_000)
                #expect(!container.standardOutput.isBlocked)
            }
        }
    }

    @Test func inputFromASequence() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["md5sum"]
                $0.standardInput = .stream
            } operation: { container in
                let chunks = AsyncStream<[UInt8]> { continuation in
                    for _ in 0..<64 { continuation.yield([UInt8](repeating: 0, count: 65_537)) }
                    continuation.finish()
                }
                async let written: Void = #require(container.standardInput).write(contentsOf: chunks)
                let output = try await container.standardOutput.collect(limit: 100).bytes
                try await written
                let expected = try await fixture.engine.run(fixture.directory, ["sh", "-c", "head -c \(64 * 65_537) /dev/zero | md5sum"])
                #expect(output == expected.outputBytes)
            }
        }
    }

    @Test func descriptorsOfThisProgram() async throws {
        try await EngineFixture.with { fixture in
            let path = fixture.base.appending("out")
            let file = try FileDescriptor.open(path, .writeOnly, options: .create, permissions: [.ownerReadWrite])
            defer { try? file.close() }
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", "echo out; echo err >&2"]) {
                $0.output = .descriptors(output: file, error: file)
            }
            #expect(result.outputBytes.isEmpty)
            #expect(try Files.text(path) == "out\nerr\n")
        }
    }

    /// The file keeps what was asked for, its offsets stay, and a reader is told what it lost.
    @Test func promise3TheOutputFileIsBounded() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "seq -w 3000000; sleep 1; echo end; exec sleep 1000"]
                $0.output = .file(nil)
                $0.outputFileSize = .mebibytes(1)
            }
            try await container.ready(.logLine(containing: "end"), within: .seconds(20))
            let path = try #require(container.logFile)
            let size = 3_000_000 * 8 + 4
            var blocks = Int.max
            for _ in 0..<100 where blocks > 3 << 20 {
                var status = stat()
                #expect(stat(path.string, &status) == 0)
                #expect(status.st_size == size)
                blocks = Int(status.st_blocks) * 512
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(blocks < 3 << 20)
            var iterator = container.outputFile(from: 80).makeAsyncIterator()
            let first = try #require(try await iterator.next())
            #expect(first.lost > 20 << 20)
            #expect(first.offset == first.lost + 80)
            // A hole ends at a block, in the middle of a line; the next is whole.
            let text = String(decoding: first.bytes, as: UTF8.self)
            let line = try #require(text.split(separator: "\n").dropFirst().first)
            #expect(Int64(line) == (first.offset + 8) / 8 + 1 || Int64(line) == (first.offset + 7) / 8 + 1)
            try await container.releaseOutput(before: Int64(size))
            var status = stat()
            #expect(stat(path.string, &status) == 0)
            #expect(status.st_blocks * 512 <= 8192)
            try await container.delete()
        }
    }

    static let forms: [LogOptions.Form] = [.json, .cri]

    @Test(arguments: forms) func promise3ALoggerKeepsTimesAndStreams(form: LogOptions.Form) async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", #"echo 'a "quoted" \ line'; echo error >&2; sleep 0.2; printf '\001end'"#]
                var options = LogOptions()
                options.form = form
                $0.output = .log(options)
            }
            var entries: [LogEntry] = []
            for try await entry in container.logEntries(follow: true) { entries.append(entry) }
            #expect(entries.filter { $0.stream == .standardOutput }.map(\.text) == ["a \"quoted\" \\ line\n", "\u{1}end"])
            #expect(entries.filter { $0.stream == .standardError }.map(\.text) == ["error\n"])
            #expect(entries.map(\.time) == entries.map(\.time).sorted())
            let now = Date().timeIntervalSince1970
            let late = try #require(entries.last)
            #expect(late.time.hasPrefix(ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: now)).prefix(13)))
            var kept: [String] = []
            for try await entry in container.logEntries(last: 1) { kept.append(entry.text) }
            #expect(kept == ["\u{1}end"])
            kept = []
            for try await entry in container.logEntries(since: .seconds(now + 1)) { kept.append(entry.text) }
            #expect(kept.isEmpty)
            try await container.delete()
        }
    }

    /// A follower that reads while files are rotated misses no line; afterwards there are as many files as were asked for.
    @Test func promise3RotationLosesNothingToAFollower() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = [
                    "sh", "-c", "i=0; while [ $i -lt 60 ]; do seq $((i * 100 + 1)) $((i * 100 + 100)); i=$((i + 1)); sleep 0.01; done",
                ]
                var options = LogOptions()
                options.fileSize = .kibibytes(64)
                options.fileCount = 3
                $0.output = .log(options)
            }
            var count = 0
            for try await entry in container.logEntries(follow: true) {
                count += 1
                if entry.text != "\(count)\n" { Issue.record("\(entry.text) instead of \(count)") }
            }
            #expect(count == 6000)
            let directory = try #require(container.logFile).removingLastComponent()
            let names = (Files.names(in: directory) ?? []).filter { $0.hasPrefix("output.log") }.sorted()
            #expect(names == ["output.log", "output.log.1", "output.log.2"])
            try await container.delete()
        }
    }

    /// Somebody kills the logger: the container goes on, and so does its log.
    @Test func aKilledLoggerIsReplaced() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "echo 1; sleep 1; echo 2"]
                $0.output = .log()
            }
            let shim = try #require(container.pid).parent
            var logger: Int32?
            for _ in 0..<100 where logger == nil {
                // It takes its name a moment after its birth.
                logger = shim.children.first { $0.name == "ck-logger" }
                try await Task.sleep(for: .milliseconds(2))
            }
            try #require(logger).kill()
            var lines: [String] = []
            for try await entry in container.logEntries(follow: true) { lines.append(entry.text) }
            #expect(lines == ["1\n", "2\n"])
            #expect(container.exit?.status == .exited(0))
            try await container.delete()
        }
    }
}

/// Processes by their numbers, as /proc shows them.
extension Int32 {
    fileprivate var fields: [Substring] {
        let text = (try? Files.text(FilePath("/proc/\(self)/stat"))) ?? ""
        return text.split(separator: ")").last?.split(separator: " ") ?? []
    }
    fileprivate var parent: Int32 { fields.count > 1 ? Int32(fields[1]) ?? 0 : 0 }
    fileprivate var name: String { ((try? Files.text(FilePath("/proc/\(self)/comm"))) ?? "").trimmingCharacters(in: .newlines) }
    fileprivate var children: [Int32] {
        ((try? Files.text(FilePath("/proc/\(self)/task/\(self)/children"))) ?? "").split(separator: " ").compactMap { Int32($0) }
    }
    fileprivate func kill() { Foundation.kill(self, SIGKILL) }
}
