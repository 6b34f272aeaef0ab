import ContainerKit
import Glibc
import TestSupport
import Testing

/// The first promise, further: the record is whole wherever it can be.
extension ShimPromiseTests {
    @Test func promise1ItIsTheParent() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.start(fixture.directory) {
                $0.command = ["sleep", "1000"]
                $0.name = ContainerID("child")
            }
            let pid = try #require(container.pid)
            let parent = try #require(ProcessView(pid).parent)
            #expect(ProcessView(parent).text("comm").hasPrefix("ck-shim:child"))
            #expect(ProcessView(parent).parent != getpid(), "no process is a child of the program but the spawner")
            #expect(ProcessView(pid).text("cmdline") == "sleep\u{0}1000\u{0}", "the pid is that of the host")
            try await container.delete()
        }
    }

    /// The record's room is reserved when the container is made.
    @Test func promise1AFullDiskCannotLoseTheRecord() async throws {
        try await withCleanup { cleanup in
            let run = try cleanup.directory("full")
            try #require(mount("tmpfs", run.string, "tmpfs", 0, "size=256k") == 0)
            cleanup.add { umount2(run.string, 0) }
            try await EngineFixture.with(configure: { $0.run = run }) { fixture in
                let container = try await fixture.engine.start(fixture.directory) {
                    $0.command = ["sh", "-c", "read line; exit 9"]
                    $0.standardInput = .stream
                    $0.output = .discard
                    $0.life = .durable
                }
                let file = open(run.appending("fill").string, O_WRONLY | O_CREAT, 0o600)
                let page = [UInt8](repeating: 1, count: 4096)
                while write(file, page, page.count) > 0 {}
                #expect(errno == ENOSPC)
                try await #require(container.standardInput).write("\n")
                #expect(try await container.wait() == .exited(9))
                container.detach()
                close(file)
                let record = try Files.text(run.appending("containers/\(container.id)/exit.json"))
                #expect(record.hasSuffix("}\n"))
                #expect(record.contains("\"value\":9"))
                unlink(run.appending("fill").string)
                let found = try await fixture.engine.reattach(container.id)
                #expect(found.exit?.status == .exited(9))
                try await found.delete()
            }
        }
    }
}
