import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// A criu that hangs, or is not waited for any more, costs a container nothing and leaves nothing behind.
@Suite("Command: checkpoints that are broken off", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .ckrunOnly, .serialized)
struct InterruptedCheckpointTests {
    /// Runs the command with a criu that never answers, which the leak check would find if it stayed.
    private func command(_ bundle: CommandBundle, _ words: [String]) throws -> Command {
        let silent = bundle.directory.appending("false")
        mkdir(silent.string, 0o755)
        try Files.write("#!/bin/sh\nexec sleep 98765\n", to: silent.appending("criu"), mode: .init(rawValue: 0o755))
        let script = """
            for place in /usr/sbin /usr/bin /sbin /bin /usr/local/bin; do
                [ ! -e $place/criu ] || mount --bind \(silent)/criu $place/criu
            done
            [ ! -d /usr/local/sbin ] || mount --bind \(silent) /usr/local/sbin
            exec "$@"
            """
        let path = try #require(RuntimeUnderTest.path)
        return Command(
            ["unshare", "--mount", "sh", "-c", script, "sh", path, "--root", bundle.root.string] + words, timeout: .seconds(60))
    }

    /// Whether the false criu is there.
    private func isWaiting(_ pid: Int32) -> Bool {
        // Before, it is the shell, whose children for mount(8) look alike.
        guard let path = RuntimeUnderTest.path, ProcessView(pid).text("cmdline").hasPrefix(path) else { return false }
        return ProcessView(pid).text("task/\(pid)/children").split(separator: " ").contains { child in
            // A shell that has `sleep` built in keeps its own name.
            let words = Int32(child).map { ProcessView($0).text("cmdline") } ?? ""
            return words.contains("98765") || words.contains("/criu")
        }
    }

    @Test func aCriuThatSaysNothingIsGivenUp() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start()
            let result = try command(bundle, ["checkpoint", "--image-path", bundle.directory.string + "/images", bundle.id]).run()
            #expect(result.status == 1)
            #expect(result.standardError.contains("neither said nor written"), "\(result.standardError)")
            #expect(try bundle.state() == "running")
        }
    }

    @Test(arguments: ["checkpoint", "restore"]) func aSignalEndsIt(_ verb: String) async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.write(bundle.configuration("exec sleep 1000"))
            if verb == "checkpoint" { try bundle.start() }
            let words = [verb, "--image-path", bundle.directory.string] + (verb == "restore" ? ["--bundle", bundle.directory.string] : [])
            let process = try ChildProcess(command(bundle, words + [bundle.id]))
            var isThere = false
            for _ in 0..<3000 {
                isThere = isWaiting(process.pid)
                if isThere { break }
                usleep(10_000)
            }
            try #require(isThere)
            let begin = ContinuousClock.now
            kill(process.pid, SIGTERM)
            #expect(try process.wait(within: .seconds(20)) == 1)
            #expect(ContinuousClock.now - begin < .seconds(5))
            let text = String(decoding: process.errors(), as: UTF8.self)
            #expect(text.contains("broken off"), "\(text)")
            #expect(try bundle.runtime("state", bundle.id).status == (verb == "checkpoint" ? 0 : 1))
        }
    }

    /// At whatever instant of the work: the container goes on, and the next checkpoint works.
    @Test(.needsWorkingCriu, arguments: [200, 500, 900, 1400, 2000]) func theContainerGoesOn(_ milliseconds: Int) async throws {
        try await withCleanup { cleanup in
            let container = try CountingContainer(cleanup)
            try container.start()
            let path = try #require(RuntimeUnderTest.path)
            let process = try ChildProcess(
                Command([
                    path, "--root", container.bundle.root.string, "checkpoint", "--leave-running", "--image-path", container.images.string,
                    container.bundle.id,
                ]))
            usleep(UInt32(milliseconds) * 1000)
            kill(process.pid, SIGTERM)
            _ = try process.wait(within: .seconds(60))
            try container.goesOn(from: container.count)
            try container.goAndReturn()
        }
    }
}
