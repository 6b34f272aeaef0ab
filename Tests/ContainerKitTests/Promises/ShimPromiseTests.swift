import ContainerKit
import Glibc
import TestSupport
import Testing

/// What a shim promises, as the guide "Supervision" counts it: each promise has tests named after it, and `.ci/check-promises` compares the
/// names with the table there. Some stand where the rest of their subject is tested.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ShimPromiseTests {
    @Test func promise1TheRecordIsWrittenBeforeAnyoneIsTold() async throws {
        try await EngineFixture.with { fixture in
            for _ in 0..<5 {
                let container = try await fixture.engine.start(fixture.directory) {
                    $0.command = ["sh", "-c", "exit 6"]
                    $0.life = .durable
                }
                #expect(try await container.wait() == .exited(6))
                let record = try Files.text(fixture.base.appending("run/containers/\(container.id)/exit.json"))
                #expect(record.contains("\"value\":6"))
                let boot = try Files.text("/proc/sys/kernel/random/boot_id").prefix { $0 != "\n" }
                #expect(record.contains(boot))
                try await container.delete()
            }
        }
    }

    @Test func promise2ItCopiesNoByte() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sh", "-c", "head -c 67108864 /dev/zero; read line"]
                $0.standardInput = .stream
            } operation: { container in
                let pid = try #require(container.pid)
                let shim = try #require(try Self.parent(of: pid))
                let before = try Self.bytes(of: shim)
                var count = 0
                for try await chunk in container.standardOutput {
                    count += chunk.count
                    if count == 67_108_864 { break }
                }
                #expect(count == 67_108_864)
                #expect(try Self.bytes(of: shim) - before < 1 << 16)
            }
        }
    }

    @Test func promise5ItsDeathIsTheContainersDeath() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sh", "-c", "setsid sleep 1000 & sleep 1000"]
                $0.life = .durable
            }
            let pid = try #require(container.pid)
            let all = try await container.exec(["sh", "-c", "ps | grep -c '[s]leep 1000'"]).standardOutput
            #expect(all == "2\n")
            let shim = try #require(try Self.parent(of: pid))
            kill(shim, SIGKILL)
            #expect(try await container.wait() == .supervisorLost)
            // Reaped by whoever is the parent of orphans here, at once or a moment later.
            for _ in 0..<200 where kill(pid, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            #expect(kill(pid, 0) != 0)
            try await container.delete()
        }
    }

    /// Inside they have other numbers.
    @Test func promise5PidsAreThoseOfTheHost() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1001"]
                $0.isShared = true
            } operation: { container in
                let pid = try #require(container.pid)
                #expect(ProcessView(pid).text("cmdline") == "sleep\u{0}1001\u{0}")
                let process = try await container.execStream(["sleep", "1002"]) { $0.output = .discard }
                #expect(ProcessView(process.pid).text("cmdline") == "sleep\u{0}1002\u{0}")
                try await process.signal(.kill)
                #expect(try await process.wait() == .signaled(.kill))
            }
        }
    }

    @Test func promise6TheSweepWritesTheRecordOnce() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.name = ContainerID("lost")
                $0.command = ["sleep", "1000"]
                $0.life = .durable
            }
            let pid = try #require(container.pid)
            let shim = try #require(try Self.parent(of: pid))
            container.detach()
            kill(shim, SIGKILL)
            for _ in 0..<200 where kill(shim, 0) == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let record = fixture.base.appending("run/containers/lost/exit.json")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await fixture.withSecondEngine { engine in
                            let status = try await engine.reattach("lost").wait()
                            #expect(status == .supervisorLost)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let first = try Self.inode(record)
            try await fixture.withSecondEngine { _ in }
            #expect(try Self.inode(record) == first)
            try await fixture.engine.reattach("lost").delete()
        }
    }

    private static func parent(of pid: Int32) throws -> Int32? {
        let fields = try Files.text(FilePath("/proc/\(pid)/stat")).split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 ? Int32(fields[1]) : nil
    }

    /// What it has read and written in its life.
    private static func bytes(of pid: Int32) throws -> Int {
        let lines = try Files.text(FilePath("/proc/\(pid)/io")).split(separator: "\n")
        return lines.filter { $0.hasPrefix("rchar") || $0.hasPrefix("wchar") }.compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +)
    }

    private static func inode(_ path: FilePath) throws -> UInt {
        var status = stat()
        guard stat(path.string, &status) == 0 else { throw Errno(rawValue: errno) }
        return status.st_ino
    }
}
