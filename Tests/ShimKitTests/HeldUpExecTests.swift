import Glibc
import LinuxSystem
import OCIModel
import RuntimeChild
import ShimChild
import Synchronization
import TestSupport
import Testing

@testable import ShimKit

/// A process of exec is in the container before it executes its program: what runs there may stop it, and must stop nothing else by that.
@Suite("Execs that are held up", .serialized, .tags(.privileged), .needsRoot, .leakChecked)
struct HeldUpExecTests {
    private static func plan(_ arguments: [String]) -> ExecPlan {
        var process = ProcessPlan(arguments: arguments)
        process.environment = ["PATH=/bin"]
        return ExecPlan(process: process)
    }

    /// - Returns: an exec that is not answered, since its process was stopped at birth.
    private static func heldUp(in container: SupervisedContainer) async throws -> Task<Void, any Error> {
        for _ in 0..<50 {
            let answered = Mutex(false)
            let exec = Task {
                defer { answered.withLock { $0 = true } }
                _ = try await container.exec(plan(["/bin/sleep", "1000"]), streams: StreamPlans())
            }
            try await Task.sleep(for: .milliseconds(300))
            if !answered.withLock({ $0 }) { return exec }
            _ = await exec.result
        }
        throw NotHeldUp()
    }
    private struct NotHeldUp: Error {}

    private static let stopsAll = ["/bin/sh", "-c", "trap 'exit 5' USR1; while :; do kill -STOP -1 2>/dev/null; done"]

    /// The shim goes on: it answers, and ends the container when it is told to.
    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func theContainerCanBeEnded(byForce: Bool) async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(Self.stopsAll)
            let exec = try await Self.heldUp(in: container)
            if byForce {
                #expect(try await container.stop(.terminate, gracePeriod: .milliseconds(50)).status == .signaled(.kill))
            } else {
                try await container.signal(.user1)
                #expect(try await container.wait().status == .exited(5))
            }
            let error = await #expect(throws: ShimError.self) { try await exec.value }
            #expect(error?.code == .wrongState)
            try await container.waitUntilRemoved()
        }
    }

    /// Given up, it is gone, and a further one is served.
    @Test(.timeLimit(.minutes(1))) func oneThatIsGivenUpIsKilled() async throws {
        try await ShimFixture.with { fixture in
            let script = "trap 'exec sleep 1000' USR1; while :; do kill -STOP -1 2>/dev/null; done"
            let container = try await fixture.launch(["/bin/sh", "-c", script])
            let exec = try await Self.heldUp(in: container)
            exec.cancel()
            let error = await #expect(throws: ShimError.self) { try await exec.value }
            #expect(error?.code == .cancelled)
            try await container.signal(.user1)
            let name = "/proc/\(try #require(container.pid))/comm"
            while try OwnedDescriptor.open(name, flags: O_RDONLY).readAll(limit: 64) != Array("sleep\n".utf8) {
                try await Task.sleep(for: .milliseconds(10))
            }
            let further = try await container.exec(Self.plan(["/bin/true"]), streams: StreamPlans())
            #expect(try await further.wait().status == .exited(0))
            try await container.delete()
        }
    }
}
