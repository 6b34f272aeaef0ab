import CLinux
import Glibc
import LinuxSystem
import SpawnKit
import SystemPackage
import TestSupport
import Testing

@Suite("Spawner", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct SpawnerTests {
    /// What a fork of the spawner saw.
    private func look(_ spawner: Spawner, _ request: String) async throws -> String {
        var pair: [CInt] = [-1, -1]
        try #require(pipe(&pair) == 0)
        let reader = OwnedDescriptor(pair[0])
        _ = ck_fcntl(reader.rawValue, F_SETFD, Int(FD_CLOEXEC))
        // The writing end must be closed here before the reading, or there is no end of file.
        let process = try await start(spawner, request, output: pair[1])
        let text = String(decoding: try reader.readAll(limit: 1 << 20), as: UTF8.self)
        #expect(try await process.wait() == .ended(.exited(code: 0)))
        return text
    }

    private func start(_ spawner: Spawner, _ request: String, output: CInt) async throws -> RoleProcess {
        try await spawner.spawn(.probe, request: Array(request.utf8), descriptors: [SharedDescriptor(OwnedDescriptor(output))])
    }

    @Test func exitStatusIsReported() async throws {
        let spawner = Spawner()
        defer { spawner.shutdown() }
        for code in [CInt(0), 1, 42, 255] {
            let process = try await spawner.spawn(.probe, request: Array("exit \(code)".utf8))
            #expect(try await process.wait() == .ended(.exited(code: code)))
        }
        let process = try await spawner.spawn(.probe, request: Array("die".utf8))
        #expect(try await process.wait() == .ended(.signaled(SIGKILL, coreDumped: false)))
    }

    @Test func manyAtOnce() async throws {
        let spawner = Spawner()
        defer { spawner.shutdown() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let process = try await spawner.spawn(.probe, request: Array("exit \(index % 100)".utf8))
                    #expect(try await process.wait() == .ended(.exited(code: CInt(index % 100))))
                }
            }
            try await group.waitForAll()
        }
    }

    /// Processes that wait for somebody who writes into a FIFO.
    private static func waiting(_ count: Int, of spawner: Spawner, in directory: FilePath) async throws -> [RoleProcess] {
        let fifo = directory.appending("fifo").string
        try #require(mkfifo(fifo, 0o600) == 0)
        let output = SharedDescriptor(try .open("/dev/null", flags: O_WRONLY))
        var processes: [RoleProcess] = []
        for _ in 0..<count { processes.append(try await spawner.spawn(.probe, request: Array(fifo.utf8), descriptors: [output])) }
        return processes
    }

    /// One signal tells of all of them.
    @Test func allThatEndAtOnceAreReaped() async throws {
        try await TestDirectory.with { directory in
            let spawner = Spawner()
            defer { spawner.shutdown() }
            let processes = try await Self.waiting(20, of: spawner, in: directory)
            let pid = try await spawner.pid()
            kill(pid, SIGSTOP)
            for process in processes {
                kill(process.pid, SIGKILL)
                while ProcessView(process.pid).state != "Z" { usleep(100) }
            }
            kill(pid, SIGCONT)
            for process in processes { #expect(try await process.wait() == .ended(.signaled(SIGKILL, coreDumped: false))) }
            #expect(processes.allSatisfy { kill($0.pid, 0) != 0 })
        }
    }

    @Test func largeRequestTravelsSealed() async throws {
        let spawner = Spawner()
        defer { spawner.shutdown() }
        for size in [10, 65_000, 65_600, 3_000_000] {
            let request = "sum " + String(repeating: "a", count: size)
            #expect(try await look(spawner, request) == "\(size + 4) \(size * 97 + 115 + 117 + 109 + 32)")
        }
    }

    @Test func nothingIsInherited() async throws {
        setenv("CONTAINERKIT_TEST_SECRET", "secret", 1)
        let host = open("/etc/hostname", O_RDONLY)  // not close-on-exec: what a careless host has
        defer { Glibc.close(host) }
        let spawner = Spawner()
        defer { spawner.shutdown() }
        let environment = try await look(spawner, "/proc/self/environ")
        #expect(!environment.utf8.contains { $0 != 0 })
        let descriptors = try await look(spawner, "descriptors").split(separator: "\n")
        #expect(descriptors.count == 4, "\(descriptors)")
        #expect(descriptors.prefix(3).allSatisfy { $0.hasSuffix(" /dev/null") })
        #expect(descriptors.last?.contains("pipe:") == true)
        let status = try await look(spawner, "/proc/self/status")
        #expect(status.contains("SigBlk:\t0000000000000000"))
        #expect(status.contains("SigIgn:\t0000000000000000"))
        #expect(status.contains("Threads:\t1\n"))
        #expect(status.contains("Umask:\t0077"))
        #expect(try await look(spawner, "/proc/self/oom_score_adj") == "0\n")
        let limits = try await look(spawner, "/proc/self/limits")
        #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max core file size") && $0.contains(" 0 ") })
    }

    @Test func aNewSpawnerStartsWhenOneDies() async throws {
        let spawner = Spawner()
        defer { spawner.shutdown() }
        let first = try await spawner.pid()
        kill(first, SIGKILL)
        // The request that meets the dying spawner may fail, typed; the next one must not.
        var second = first
        for _ in 0..<100 where second == first {
            second = (try? await spawner.pid()) ?? first
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(second != first)
        let process = try await spawner.spawn(.probe, request: Array("exit 7".utf8))
        #expect(try await process.wait() == .ended(.exited(code: 7)))
    }

    @Test func shutdownEndsTheProcess() async throws {
        let spawner = Spawner()
        let pid = try await spawner.pid()
        spawner.shutdown()
        for _ in 0..<200 where kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(kill(pid, 0) == -1)
        await #expect(throws: SpawnError.self) { try await spawner.pid() }
    }

    @Test func waitIsCancelled() async throws {
        try await TestDirectory.with { directory in
            let spawner = Spawner()
            defer { spawner.shutdown() }
            let process = try #require(await Self.waiting(1, of: spawner, in: directory).first)
            let task = Task { try await process.wait() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            kill(process.pid, SIGKILL)
            _ = try await process.wait()
        }
    }
}
