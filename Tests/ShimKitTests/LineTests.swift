import ShimKit
import TestSupport
import Testing

/// Lines are cut where the process cut them, wherever the chunks of the pipe end.
@Suite("Lines of output", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct LineTests {
    /// 8 MiB of lines of 0 to 199 bytes, so that many cross the end of a chunk; the last has no terminator.
    @Test func crossTheEndsOfChunks() async throws {
        try await ShimFixture.with { fixture in
            let script = """
                BEGIN { z = sprintf("%0200d", 0); for (i = 0; i < 80000; i++) print i " " substr(z, 1, i % 200 < 1 ? 1 : i % 200); printf "last" }
                """
            let container = try await fixture.launch(["/bin/busybox", "awk", script])
            var number = 0
            var last = ""
            for try await line in container.standardOutput.lines {
                if line == "last" {
                    last = String(line)
                    continue
                }
                let zeros = max(1, number % 200)
                try #require(line == "\(number) " + String(repeating: "0", count: zeros), "line \(number)")
                number += 1
            }
            #expect(number == 80000)
            #expect(last == "last")
            #expect(try await container.wait().status == .exited(0))
            try await container.waitUntilRemoved()
        }
    }

    /// A terminal's carriage return goes, one inside a line stays; a line longer than the limit comes in pieces and loses no byte.
    @Test func returnsAndLongLines() async throws {
        try await ShimFixture.with { fixture in
            let script = "printf 'a\\r\\n\\r\\n\\nb\\rc\\n'; busybox awk 'BEGIN { for (i = 0; i < 30000; i++) printf \"%0100d\", 0 }'"
            let container = try await fixture.launch(["/bin/sh", "-c", script])
            var lines: [String] = []
            for try await line in container.standardOutput.lines { lines.append(String(line)) }
            #expect(Array(lines.prefix(4)) == ["a", "", "", "b\rc"])
            #expect(lines.dropFirst(4).reduce(0) { $0 + $1.utf8.count } == 3_000_000)
            #expect(lines.count > 5)
            try await container.waitUntilRemoved()
        }
    }
}
