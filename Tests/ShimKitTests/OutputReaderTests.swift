import CLinux
import Glibc
import LinuxSystem
import TestSupport
import Testing

@testable import ShimKit

/// Chunks and lines of a pipe, without a process behind it.
@Suite("Reading output", .serialized) struct OutputReaderTests {
    private struct Pipe: ~Copyable {
        let output: ContainerOutput
        let writer: OwnedDescriptor

        init(_ reactor: Reactor) throws {
            var ends: [CInt] = [0, 0]
            try #require(pipe(&ends) == 0)
            for end in ends { try #require(fcntl(end, F_SETFL, O_NONBLOCK) == 0) }
            output = ContainerOutput(SharedDescriptor(OwnedDescriptor(ends[0])), reactor: reactor)
            writer = OwnedDescriptor(ends[1])
        }

        func write(_ bytes: [UInt8]) throws { try #require(Glibc.write(writer.rawValue, bytes, bytes.count) == bytes.count) }
        func fill() throws {
            let backlog = try #require(output.backlog)
            try write([UInt8](repeating: 120, count: backlog.capacity - backlog.bytes))
        }
        func capacity() throws -> Int { try #require(output.backlog).capacity }
    }

    /// An output that consists of these chunks.
    private static func output(_ chunks: [[UInt8]], _ reactor: Reactor) throws -> ContainerOutput {
        let output = ContainerOutput(SharedDescriptor(OwnedDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC))), reactor: reactor)
        output.unread(chunks)
        return output
    }

    private static func cut(_ bytes: [UInt8], size: () -> Int) -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        var left = bytes[...]
        while !left.isEmpty {
            chunks.append(Array(left.prefix(size())))
            left = left.dropFirst(chunks[chunks.count - 1].count)
        }
        return chunks
    }

    private static func next(_ iterator: inout ContainerOutput.AsyncIterator) async throws -> [UInt8] {
        let chunk = try await iterator.next()
        return try #require(chunk)
    }

    /// Lines of `bytes` as one would cut them by hand.
    private static func lines(_ bytes: [UInt8]) -> [String] {
        var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
        let last = lines.removeLast()
        return lines.map { String(decoding: $0.last == 13 ? $0.dropLast() : $0, as: UTF8.self) }
            + (last.isEmpty ? [] : [String(decoding: last, as: UTF8.self)])
    }

    /// Whatever is written and wherever chunks end, lines are cut at line feeds, characters stay whole and what is no text is repaired line
    /// by line; and at any line, what was handed out and what was not are all that was read.
    @Test(arguments: 0..<200) func linesAreCutWhereTheyEnd(seed: UInt64) async throws {
        var random = SeededGenerator(seed)
        let pieces: [[UInt8]] = [
            Array("plain".utf8), Array("ä€😀".utf8), [10], [10], [13, 10], [13], [0xFF], [0xE2, 0x82], [0xF0, 0x9F], [0x80], Array("x".utf8),
        ]
        let isText = Bool.random(using: &random)
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...60, using: &random) {
            let piece = try #require((isText ? Array(pieces[..<6]) : pieces).randomElement(using: &random))
            bytes += piece
        }
        let chunks = Self.cut(bytes) { Int.random(in: 1...20, using: &random) }
        let reactor = try Reactor()
        defer { reactor.close() }
        let expected = Self.lines(bytes)
        for stop in 0...expected.count {
            let output = try Self.output(chunks, reactor)
            var iterator = output.lines.makeAsyncIterator()
            for index in 0..<stop {
                let line = try await iterator.next()
                #expect(line.map(String.init) == expected[index])
            }
            var rest = iterator.remainder
            for try await chunk in output { rest += chunk }
            #expect(Self.lines(rest) == Array(expected[stop...]))
            #expect(bytes.suffix(rest.count) == rest[...])
        }
    }

    /// Also where it is asked through the protocol, the iterator stays where its caller is.
    @Test @MainActor func linesStayWithTheirCaller() async throws {
        func count(_ lines: some AsyncSequence<Substring, any Error>, isolation: isolated (any Actor)? = #isolation) async throws -> Int {
            var count = 0
            for try await line in lines {
                MainActor.assertIsolated()
                count += line.utf8.count
            }
            return count
        }
        let reactor = try Reactor()
        defer { reactor.close() }
        var pipe: Pipe? = try Pipe(reactor)
        guard let output = pipe?.output else { return }
        let reading = Task { @MainActor in
            var sum = 0
            for try await line in output.lines {
                MainActor.assertIsolated()
                sum += line.utf8.count
                if line == "end" { break }
            }
            return try await count(output.lines) + sum
        }
        for text in ["one\ntwo", "\nend\n", "three\n", "four"] {
            try await Task.sleep(for: .milliseconds(20))
            try pipe?.write(Array(text.utf8))
        }
        pipe = nil
        #expect(try await reading.value == 18)
    }

    /// A line without an end comes in pieces that are cut between characters.
    @Test func piecesOfALongLineAreCutBetweenCharacters() async throws {
        let text = "x" + String(repeating: "€", count: 1_000_000)
        let reactor = try Reactor()
        defer { reactor.close() }
        let output = try Self.output(Self.cut(Array(text.utf8)) { 65536 }, reactor)
        var pieces: [Substring] = []
        for try await piece in output.lines { pieces.append(piece) }
        #expect(pieces.count > 1)
        #expect(pieces.joined() == text)
    }

    /// Who writes as fast as it is read gets a wider pipe, until it pauses.
    @Test func aFullPipeIsWidenedForABurst() async throws {
        let reactor = try Reactor()
        defer { reactor.close() }
        let pipe = try Pipe(reactor)
        var iterator = pipe.output.makeAsyncIterator()
        #expect(try pipe.capacity() == 65536)
        for expected in [16384, 65536] {
            try pipe.fill()
            #expect(try await Self.next(&iterator).count == expected)
        }
        #expect(try pipe.capacity() == 1_048_576)
        try pipe.fill()
        for _ in 0..<4 { #expect(try await Self.next(&iterator).count == 262144) }
        // A word now and then: no chunk holds memory for a large one, and the pipe is narrow again.
        for _ in 0..<3 {
            let writer = pipe.writer.rawValue
            let writing = Task {
                try await Task.sleep(for: .milliseconds(20))
                #expect(Glibc.write(writer, "word", 4) == 4)
            }
            #expect(try await Self.next(&iterator).count == 4)
            try await writing.value
        }
        #expect(try pipe.capacity() == 65536)
        try pipe.write([120])
        #expect(try await Self.next(&iterator).capacity < 8192)
    }

    /// No more pipes than count little against the limit of their user; who ends gives its own back.
    @Test func fewPipesAreWideAtATime() async throws {
        let reactor = try Reactor()
        defer { reactor.close() }
        for _ in 0..<2 {
            var wide = 0
            var readers: [ContainerOutput.AsyncIterator] = []
            for _ in 0..<20 {
                let pipe = try Pipe(reactor)
                var iterator = pipe.output.makeAsyncIterator()
                for _ in 0..<2 {
                    try pipe.fill()
                    _ = try await Self.next(&iterator)
                }
                if try pipe.capacity() > 65536 { wide += 1 }
                readers.append(iterator)
            }
            #expect(wide == 16)
            withExtendedLifetime(readers) {}
        }
    }

    /// A pipe that cannot be made wider is read as it is.
    @Test func chunksGrowNoLargerThanAPipeThatStaysNarrow() {
        var size = ReadSize()
        /// Adapts to these counts in turn.
        func sizes(_ counts: [Int]) -> [Int] {
            counts.map {
                _ = size.adapt(to: $0)
                return size.bytes
            }
        }
        #expect(sizes([16384, 65536, 65536, 65536]) == [65536, 65536, 65536, 65536])
        let wantsMore = size.adapt(to: 65536)
        #expect(wantsMore)
        size.widened()
        #expect(sizes([262144, 65536, 65535]) == [262144, 262144, 65536])
        #expect(size.fitsPipe)
        #expect(sizes([1, 1, 1, 4096]) == [16384, 4096, 4096, 16384])
    }
}
