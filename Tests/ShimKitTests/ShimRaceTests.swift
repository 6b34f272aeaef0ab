import CLinux
import Glibc
import LinuxSystem
import OCIModel
import RuntimeChild
import ShimChild
import SystemPackage
import TestSupport
import Testing

@testable import ShimKit

/// Several programs, or sweeps, at one run directory.
@Suite("Others at the same container", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct ShimRaceTests {
    private static func state(_ id: ContainerID) -> ContainerState {
        ContainerState(
            id: id, bootID: "boot", createdAt: 1, isDurable: false, removesItself: true, cgroups: [], removedDirectories: [],
            details: [:])
    }

    /// Between the directory and the shim: an engine that opens the root meanwhile must not take it for a dead one's.
    @Test func aSweepLeavesAContainerAloneThatIsBeingMade() async throws {
        try await ShimFixture.with { fixture in
            let id = try #require(ContainerID("unborn"))
            let directory = RunDirectory(id, in: fixture.run)
            var lock: SharedDescriptor? = try directory.make(Self.state(id))
            #expect(lock != nil)
            #expect(try await fixture.supervisor.sweep() == [])
            #expect(try directory.state() != nil)
            #expect(directory.isSupervised)
            lock = nil
            #expect(try await fixture.supervisor.sweep() == [id])
            #expect(try directory.state() == nil)
        }
    }

    /// Asking must not make another who asks believe that somebody lives.
    @Test func whoAsksIsNotTakenForAShim() async throws {
        try await ShimFixture.with { fixture in
            let id = try #require(ContainerID("asked"))
            let directory = RunDirectory(id, in: fixture.run)
            _ = try directory.make(Self.state(id))
            let other = try OwnedDescriptor.open(directory.path.appending("lock").string, flags: O_RDWR)
            #expect(ck_flock(other.rawValue, LOCK_SH | LOCK_NB) == 0)
            #expect(!directory.isSupervised)
            withExtendedLifetime(other.rawValue) {}
            try TreeRemoval.remove(directory.path.string)
        }
    }

    /// A program that attaches knows nothing of the numbers another has given.
    @Test func twoProgramsExecAtOnce() async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "100"]) { $0.isAttachable = true }
            let other = try await fixture.supervisor.reattach(container.id)
            var process = ProcessPlan(arguments: ["/bin/sh", "-c", "read x; exit 3"])
            process.environment = ["PATH=/bin"]
            process.capabilities.bounding = 0
            let streams = StreamPlans(input: .pipe, output: .null, error: .null)
            let first = try await container.exec(ExecPlan(process: process), streams: streams)
            process.arguments[2] = "exit 4"
            let second = try await other.exec(ExecPlan(process: process), streams: streams)
            #expect(try await second.wait().status == .exited(4))
            await first.standardInput?.finish()
            #expect(try await first.wait().status == .exited(3))
            other.close()
            try await container.delete()
        }
    }
}
