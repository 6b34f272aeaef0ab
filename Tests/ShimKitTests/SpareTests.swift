import CLinux
import Glibc
import RuntimeChild
import ShimChild
import ShimKit
import SpawnKit
import SystemPackage
import TestSupport
import Testing

/// The shim that a spawner forks before anybody asks for it.
@Suite("The spare shim", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct SpareTests {
    @Test func theRehearsalGoesToItsEnd() { #expect(ShimRehearsal.run()) }

    /// To the program, which is not there.
    @Test func theLaunchOfTheRehearsalGoesToItsEnd() throws {
        // In a process with one thread, as a spawner is.
        let program = try #require(Files.link("/proc/self/exe").map { FilePath($0) }).removingLastComponent().appending("ShimProbe")
        let probe = try ChildProcess(Command([program.string, "rehearse"]))
        #expect(try probe.wait(within: .seconds(10)) == 0)
        #expect(String(decoding: probe.output(), as: UTF8.self) == "to its end\n")
    }

    /// At whatever instant it dies, the next container has a shim.
    @Test func aKilledSpareIsReplaced() async throws {
        try await ShimFixture.with { fixture in
            for round in 0..<20 {
                let spawner = try await fixture.spawner.pid()
                for spare in Self.spares(of: spawner) {
                    kill(spare, SIGKILL)
                    // Its death in the moment after it got a request would be that of a shim.
                    while !["Z", ""].contains(ProcessView(spare).state) {}
                }
                if round % 2 == 0 { usleep(UInt32(round * 50)) }
                let container = try await fixture.launch(["/bin/sh", "-c", "exit 7"], id: "spare-\(round)") { $0.removesItself = true }
                #expect(try await container.wait().status == .exited(7))
                try await container.waitUntilRemoved()
                #expect(try await fixture.spawner.pid() == spawner)
            }
        }
    }

    @Test func oneIsKeptAndEndsWithTheSpawner() async throws {
        try await ShimFixture.with { fixture in
            let spawner = try await fixture.spawner.pid()
            let first = try await Self.spare(of: spawner)
            let container = try await fixture.launch(["/bin/sleep", "1000"])
            let second = try await Self.spare(of: spawner)
            #expect(first != second)
            #expect(Self.spares(of: spawner).count == 1)
            kill(spawner, SIGKILL)
            let deadline = ContinuousClock.now + .seconds(2)
            while !ProcessView(second).isOrphanedZombie, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
            #expect(ProcessView(second).isOrphanedZombie)
            // Its spawner's end is not a shim's.
            #expect(container.exited == nil)
            try await container.delete()
        }
    }

    /// Each container has a network namespace of its own, made ahead or not, with its loopback interface up.
    @Test func networksAreNotShared() async throws {
        try await ShimFixture.with { fixture in
            var seen: Set<String> = [try #require(ProcessView(getpid()).namespace("net"))]
            var containers: [SupervisedContainer] = []
            for number in 0..<4 {
                let container = try await fixture.launch(["/bin/sh", "-c", "ip -o link show; exec sleep 1000"], id: "net-\(number)") {
                    $0.streams.output = .pipe
                }
                containers.append(container)
                var lines = container.standardOutput.lines.makeAsyncIterator()
                let line = try await lines.next() ?? ""
                #expect(line.contains("lo:") && line.contains("UP"), "\(line)")
                let pid = try #require(container.pid)
                seen.insert(try #require(ProcessView(pid).namespace("net")))
            }
            #expect(seen.count == 5)
            for container in containers { try await container.delete() }
        }
    }

    /// A plan without a network namespace stays in the host's, whatever the spare has.
    @Test func theHostsNetworkStaysTheHosts() async throws {
        try await ShimFixture.with { fixture in
            let spawner = try await fixture.spawner.pid()
            _ = try await Self.spare(of: spawner)
            let container = try await fixture.launch(["/bin/sleep", "1000"]) { $0.plan.namespaces.new &= ~ck_CLONE_NEWNET }
            let pid = try #require(container.pid)
            #expect(ProcessView(pid).namespace("net") == ProcessView(getpid()).namespace("net"))
            try await container.delete()
        }
    }

    private static func spares(of spawner: Int32) -> [Int32] {
        (Files.names(in: "/proc") ?? []).compactMap { Int32($0) }.filter { pid in
            ProcessView(pid).status("PPid") == "\(spawner)" && ProcessView(pid).status("Name") == "ck-spare"
                && ProcessView(pid).state != "Z"
        }
    }

    private static func spare(of spawner: Int32) async throws -> Int32 {
        for _ in 0..<400 {
            if let spare = spares(of: spawner).first { return spare }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw Missing()
    }

    private struct Missing: Error {}
}
