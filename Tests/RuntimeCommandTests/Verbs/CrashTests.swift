import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: killed at any instant", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .ckrunOnly, .serialized)
struct CommandCrashTests {
    @Test func stateIsReadableAndDeleteTakesAllOfItAway() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.write(bundle.configuration("exec sleep 1000"))
            let path = try #require(RuntimeUnderTest.path)
            let seed = UInt64.random(in: 0...UInt64.max)
            var random = SeededGenerator(seed)
            var outcomes: [String: Int] = [:]
            let clock = ContinuousClock()
            let launch = try clock.measure {
                _ = try bundle.runtime("create", "--bundle", bundle.directory.string, bundle.id)
            }
            #expect(try bundle.runtime("delete", "--force", bundle.id).status == 0)
            // Around the time that a launch takes.
            let longest = max(40_000, UInt64(launch / .microseconds(1)) * 5 / 4)
            for round in 0..<60 {
                let process = try ChildProcess(
                    Command([path, "--root", bundle.root.string, "create", "--bundle", bundle.directory.string, bundle.id]))
                usleep(UInt32(random.next() % longest))
                kill(process.pid, SIGKILL)
                _ = try process.wait(within: .seconds(10))
                let listed = try bundle.runtime("list", "--format", "json")
                #expect(listed.status == 0, "seed \(seed), round \(round)")
                let known = try bundle.runtime("state", bundle.id)
                if known.status == 0 {
                    outcomes[try bundle.state(), default: 0] += 1
                } else {
                    outcomes["none", default: 0] += 1
                }
                let deleted = try bundle.runtime("delete", "--force", bundle.id)
                #expect(deleted.status == 0, "seed \(seed), round \(round): \(deleted.standardError)")
                #expect(!Files.exists(bundle.root.appending(bundle.id)))
                for tree in ["memory", "pids", "unified", ""] {
                    #expect(!Files.exists(FilePath("/sys/fs/cgroup/\(tree)/\(bundle.id)")), "seed \(seed), round \(round), \(tree)")
                }
            }
            print("killed at: \(outcomes), seed \(seed)")
            #expect(outcomes.count > 1)
        }
    }
}
