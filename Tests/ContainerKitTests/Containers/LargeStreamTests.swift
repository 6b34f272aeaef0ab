import ContainerKit
import Crypto
import TestSupport
import Testing

/// What programs that process logs or data do: a GiB through the asynchronous sequences, looked at byte by byte.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct LargeStreamTests {
    enum Form: CaseIterable { case chunks, lines }

    /// Repeated by the container until it is a GiB. It ends with a line.
    private static let block: [UInt8] = {
        var random = SeededGenerator(5)
        var bytes: [UInt8] = []
        while bytes.count < 4 << 20 {
            let length = min(Int.random(in: 0...4000, using: &random), (4 << 20) - bytes.count - 1)
            let first = UInt8.random(in: 33...100, using: &random)
            for index in 0..<length { bytes.append(first + UInt8(truncatingIfNeeded: index % 26)) }
            bytes.append(UInt8(ascii: "\n"))
        }
        return bytes
    }()
    private static let repetitions = 256

    /// It arrives as it was written, and the container's supervisor has no part in it: 5 ms of CPU at most, whatever passes.
    @Test(arguments: Form.allCases) func aGibibyteArrivesIntact(form: Form) async throws {
        try await EngineFixture.with { fixture in
            try Files.write(Self.block, to: fixture.rootDirectory.appending("block"))
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = [
                    "sh", "-c", "read line; i=0; while [ $i -lt \(Self.repetitions) ]; do cat /block; i=$((i + 1)); done; read line",
                ]
                $0.standardInput = .stream
            } operation: { container in
                let pid = try #require(container.pid)
                let shim = ProcessView(try #require(ProcessView(pid).parent))
                let before = try Self.time(shim)
                #expect(before > .zero, "no time is told")
                let begun = ContinuousClock.now
                try await #require(container.standardInput).write("\n")
                let (digest, count) = try await Self.read(container.standardOutput, form, Self.block.count * Self.repetitions)
                let time = ContinuousClock.now - begun
                let used = try Self.time(shim) - before
                print("1 GiB as \(form): \(Int(1024 / (time / .seconds(1)))) MiB/s, supervisor \(used / .microseconds(1)) µs")
                #expect(count == Self.block.count * Self.repetitions)
                var expected = SHA256()
                for _ in 0..<Self.repetitions { expected.update(data: Self.block) }
                #expect(digest == expected.finalize())
                #expect(used <= .milliseconds(5))
            }
        }
    }

    private static func read(_ output: ContainerOutput, _ form: Form, _ size: Int) async throws -> (SHA256.Digest, Int) {
        var hash = SHA256()
        var count = 0
        switch form {
        case .chunks:
            for try await chunk in output {
                hash.update(data: chunk)
                count += chunk.count
                if count >= size { break }
            }
        case .lines:
            for try await line in output.lines {
                var line = line
                line.append("\n")
                line.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
                count += line.utf8.count
                if count >= size { break }
            }
        }
        return (hash.finalize(), count)
    }

    /// On a processor, by the nanosecond.
    private static func time(_ process: ProcessView) throws -> Duration {
        .nanoseconds(try #require(process.text("schedstat").split(separator: " ").first.flatMap { Int64($0) }))
    }
}
