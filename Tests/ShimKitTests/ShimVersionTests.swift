import Glibc
import LinuxSystem
import OCIModel
import ShimChild
import SystemPackage
import TestSupport
import Testing

@testable import ShimKit

/// A program and a shim of different versions of the package.
@Suite("Shims of other versions", .serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ShimVersionTests {
    private static func withDurable(_ body: (ShimFixture, SupervisedContainer) async throws -> Void) async throws {
        try await ShimFixture.with { fixture in
            let container = try await fixture.launch(["/bin/sleep", "1000"]) {
                ($0.isDurable, $0.removesItself, $0.isAttachable) = (true, false, true)
            }
            try await body(fixture, container)
            try await container.delete()
        }
    }

    /// What an older shim does not know it says so of, and serves on.
    @Test func aCommandOfANewerProgramIsAnswered() async throws {
        try await Self.withDurable { _, container in
            let reply = try await container.ask(.unknown(kind: 200, payload: [1, 2, 3]))
            #expect(reply == .failed(.noFunction))
            guard case .state(.running, _) = try await container.ask(.state) else {
                Issue.record("the shim does not serve on")
                return
            }
        }
    }

    /// No frame is sent to a shim that would take it for something else: it is refused with what to do, and the container runs on.
    @Test func aShimOfOtherFramesIsRefused() async throws {
        try await Self.withDurable { fixture, container in
            let path = fixture.run.appending("containers/\(container.id)/state.json")
            let text = try Files.text(path)
            let version = ShimRequest.version
            let other = text.replacing("\"frames\":\(version),", with: "\"frames\":\(version + 1),")
            try #require(other != text)
            try Files.write(other, to: path)
            let error = await #expect(throws: ShimError.self) { try await fixture.supervisor.reattach(container.id) }
            #expect(error?.code == .incompatibleVersion)
            #expect(error.map { "\($0)" }?.contains("version \(version + 1) of the frames") == true)
            let found = try await fixture.supervisor.find(container.id)
            #expect(found.status == .supervised(pid: container.pid))
            // Written by a version that did not say: the first.
            try Files.write(text.replacing("\"frames\":\(version),", with: ""), to: path)
            try await fixture.supervisor.reattach(container.id).close()
        }
    }
}
