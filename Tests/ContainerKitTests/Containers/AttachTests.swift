import ContainerKit
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct AttachTests {
    /// Promise 2: a stream has one reader; another is told who that is, and taking over is explicit and told.
    @Test func promise2AStreamHasOneReader() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "while read line; do echo got $line; done"]
                $0.standardInput = .stream
                $0.output = .stream
                $0.life = .durable
            }
            try await fixture.withSecondEngine { other in
                let found = try await other.reattach(container.id)
                let busy = await #expect(throws: ContainerError.self) { try await found.attach() }
                #expect(busy?.code == .busy)
                #expect(busy.map { "\($0)" }?.contains("\(getpidOfTests())") == true)
                let reading = Task { try await container.standardOutput.collect(limit: 1 << 20) }
                try await Task.sleep(for: .milliseconds(50))
                let streams = try await found.attach(takingOver: true)
                let lost = await #expect(throws: ShimError.self) { try await reading.value }
                #expect(lost?.code == .busy)
                try await #require(streams.standardInput).write("a\n")
                var lines = streams.standardOutput.lines.makeAsyncIterator()
                #expect(try await lines.next() == "got a")
                try await streams.detach()
                // Given back, it is free for the next.
                let again = try await container.attach()
                try await #require(again.standardInput).write("b\n")
                var rest = again.standardOutput.lines.makeAsyncIterator()
                #expect(try await rest.next() == "got b")
                found.detach()
            }
            try await container.delete()
        }
    }

    /// In stream mode a reader that goes in order loses nothing to the one that comes after it.
    @Test func promise3AGracefulDetachLosesNothing() async throws {
        try await EngineFixture.with { fixture in
            let count = 200_000
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["seq", "\(count)"]
                $0.output = .stream
                $0.life = .durable
            }
            var lines: [String] = []
            var iterator = container.standardOutput.lines.makeAsyncIterator()
            while lines.count < 1000, let line = try await iterator.next() { lines.append(String(line)) }
            var rest = iterator.remainder
            container.detach()
            for round in 0..<3 {
                try await fixture.withSecondEngine { other in
                    let found = try await other.reattach(container.id)
                    let streams = try await found.attach()
                    var chunks = 0
                    for try await chunk in streams.standardOutput {
                        rest += chunk
                        chunks += 1
                        if round < 2 && chunks == 4 { break }
                    }
                    found.detach()
                }
            }
            lines += String(decoding: rest, as: UTF8.self).split(separator: "\n").map(String.init)
            #expect(lines.count == count)
            #expect(lines == (1...count).map(String.init))
            try await fixture.engine.reattach(container.id).delete()
        }
    }

    /// A terminal with a logger: left and found again, by any number of programs.
    @Test func promise3ALoggedTerminalIsFoundAgain() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh"]
                $0.terminal = true
                $0.output = .log()
                $0.life = .durable
            }
            container.detach()
            try await fixture.withSecondEngine { other in
                let found = try await other.reattach(container.id)
                let streams = try await found.attach()
                try await found.resize(TerminalSize(rows: 12, columns: 34))
                try await #require(streams.standardInput).write("stty size; exit 6\n")
                var text = ""
                for try await entry in found.logEntries(follow: true) { text += entry.text }
                #expect(text.contains("12 34"))
                #expect(try await found.wait() == .exited(6))
                try await found.delete()
            }
        }
    }

    @Test func detachKeys() throws {
        var keys = DetachKeys.standard
        #expect(keys.filter([1, 16, 2]) == ([1, 16, 2], false))
        #expect(keys.filter([16]) == ([], false))
        #expect(keys.filter([16, 3]) == ([16, 16, 3], false))
        #expect(keys.filter([9, 16]) == ([9], false))
        #expect(keys.filter([17, 5]) == ([], true))
        var other = try #require(DetachKeys("ctrl-a,d"))
        #expect(other.filter([1, UInt8(ascii: "d")]) == ([], true))
        var none = try #require(DetachKeys(""))
        #expect(none.filter([16, 17]) == ([16, 17], false))
        #expect(DetachKeys("ctrl-") == nil)
        #expect(DetachKeys("hello") == nil)
    }
}
