import ContainerKit
import Glibc
import TestSupport
import Testing

/// The third promise: the modes. What a killed reader and a graceful detach lose is in `ReattachTests`, `StreamRestartTests` and
/// `AttachTests`; backpressure, bounds and the logger are in `StreamTests`.
extension ShimPromiseTests {
    /// Whoever makes a container that goes on alone need not say where its output goes: it never stops for want of a reader.
    @Test func promise3DurableContainersWriteIntoAFile() async throws {
        try await EngineFixture.with { fixture in
            let count = 300_000
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "seq \(count); echo err >&2"]
                $0.life = .durable
            }
            container.detach()
            try await fixture.withSecondEngine { other in
                let found = try await other.reattach(container.id)
                #expect(try await found.wait() == .exited(0))
                let path = try #require(found.logFile)
                #expect(path.starts(with: fixture.base.appending("root")))
                var text: [UInt8] = []
                for try await chunk in found.outputFile() { text += chunk.bytes }
                #expect(String(decoding: text.suffix(11), as: UTF8.self) == "\(count)\nerr\n")
                #expect(text.count { $0 == UInt8(ascii: "\n") } == count + 1)
                try await found.delete()
            }
        }
    }

    /// A container may empty its own file through /dev/stdout: a reader begins again and hangs nowhere.
    @Test func promise3AContainerMayTruncateItsFile() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "echo a long first line; read line; : > /dev/stdout; echo new; exec sleep 1000"]
                $0.standardInput = .stream
                $0.output = .file(nil)
                $0.isShared = true
            }
            var iterator = container.outputFile().makeAsyncIterator()
            let first = try #require(try await iterator.next())
            #expect(first.bytes == Array("a long first line\n".utf8))
            try await #require(container.standardInput).write("\n")
            let second = try #require(try await iterator.next())
            #expect(second.offset == 0)
            #expect(second.bytes == Array("new\n".utf8))
            try await container.delete()
        }
    }

    /// No process beside the container unless asked for.
    @Test func promise3ALoggerIsAskedFor() async throws {
        try await EngineFixture.with { fixture in
            for output in [ContainerConfiguration.Output.automatic, .stream, .discard, .log()] {
                let container = try await fixture.engine.start(fixture.directory) {
                    $0.command = ["sleep", "1000"]
                    $0.output = output
                    $0.life = .durable
                }
                let pid = try #require(container.pid)
                let shim = try #require(ProcessView(pid).parent)
                let others = CarelessHost.descendants(of: shim).filter { $0 != pid }
                if case .log = output { #expect(others.count == 1) } else { #expect(others.isEmpty) }
                try await container.delete()
            }
        }
    }
}
