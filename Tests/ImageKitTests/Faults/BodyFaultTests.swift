import ImageKit
import OCIModel
import Synchronization
import TestSupport
import Testing

@Suite("Bodies that are not what was asked for", .serialized)
struct BodyFaultTests {
    typealias Answer = ScriptedServer.Answer

    /// A layer is answered like this; the pull fails and names the layer.
    private func layer(
        _ code: ImageError.Code, within limit: Duration = .seconds(5), _ sourceLocation: SourceLocation = #_sourceLocation,
        _ answer: @escaping @Sendable (_ layer: [UInt8]) -> Answer
    ) async throws {
        try await withPullFixture { fixture in
            let layer = fixture.image.layers[1]
            fixture.override(PullFixture.blobPath(layer), answer(layer))
            try await fixture.expectFailure(
                code, naming: ScriptedImage.digest(layer), within: limit, missing: layer, sourceLocation)
        }
    }

    @Test func wrongDigest() async throws {
        try await layer(.digestMismatch) { Answer(body: $0.dropLast() + [~($0.last ?? 0)]) }
        try await layer(.digestMismatch) { Answer(body: $0.dropLast() + [~($0.last ?? 0)], isChunked: true) }
    }

    @Test func shorterThanTheDescriptorSays() async throws {
        try await layer(.shortBody) { Answer(body: Array($0.dropLast())) }
        try await layer(.shortBody) { Answer(body: Array($0.dropLast()), isChunked: true) }
        try await layer(.shortBody) { _ in Answer() }
    }

    @Test(arguments: [0, 1, 1_200_000]) func connectionCutInTheBody(after: Int) async throws {
        try await layer(.shortBody) { Answer(body: $0, ending: .cut(after: after)) }
        try await layer(.shortBody) { Answer(body: $0, ending: .cut(after: after), isChunked: true) }
    }

    @Test func oversized() async throws {
        try await layer(.oversizedBody) { Answer(body: $0 + [0]) }
        try await layer(.oversizedBody) { Answer(body: $0 + [0], isChunked: true) }
        // It is refused at the first byte too many: nothing more comes, and nothing is waited for.
        try await layer(.oversizedBody) {
            Answer(body: $0 + [0], ending: .stall(after: .max), isChunked: true)
        }
    }

    @Test func withoutAnEnd() async throws { try await layer(.oversizedBody) { Answer(body: $0, ending: .endless, isChunked: true) } }

    @Test func stallInHeadAndBody() async throws {
        try await layer(.timedOut) { Answer(body: $0, ending: .stall(after: -1)) }
        try await layer(.timedOut) { Answer(body: $0, ending: .stall(after: 0)) }
        try await layer(.timedOut) { Answer(body: $0, ending: .stall(after: 1_200_000)) }
    }

    @Test func stallsOfDocuments() async throws {
        for after in [-1, 0, 20] {
            try await withPullFixture { fixture in
                fixture.override(PullFixture.manifestPath, Answer(body: fixture.image.manifest, ending: .stall(after: after)))
                try await fixture.expectFailure(.timedOut)
                #expect(fixture.server.requests.count == 2)
            }
        }
    }

    @Test func compressedOnTheWay() async throws {
        try await layer(.protocolViolation) { Answer(headers: [("Content-Encoding", "gzip")], body: $0) }
        try await withPullFixture { fixture in
            fixture.override(
                PullFixture.manifestPath, Answer(headers: [("Content-Encoding", "gzip")], body: fixture.image.manifest))
            try await fixture.expectFailure(.protocolViolation)
        }
    }

    @Test func aBrokenDownloadStartsAnew() async throws {
        try await withPullFixture { fixture in
            let layer = fixture.image.layers[1]
            let asked = Mutex(0)
            fixture.override(PullFixture.blobPath(layer)) { _ in
                let isFirst = asked.withLock { count in
                    count += 1
                    return count == 1
                }
                return isFirst ? Answer(body: layer, ending: .cut(after: 1_200_000)) : nil
            }
            try await fixture.pull()
            #expect(fixture.server.requests(to: PullFixture.blobPath(layer)).count == 2)
        }
    }

    /// A cut manifest without a digest to check it by must not be taken for a whole one.
    @Test func cutManifest() async throws {
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, Answer(body: fixture.image.manifest, ending: .cut(after: 30)))
            try await fixture.expectFailure(.shortBody)
        }
    }

    @Test func manifestWithAnotherDigest() async throws {
        try await withPullFixture { fixture in
            let other = "sha256:" + String(repeating: "0", count: 64)
            fixture.override(
                PullFixture.manifestPath, Answer(headers: [("Docker-Content-Digest", other)], body: fixture.image.manifest))
            try await fixture.expectFailure(.digestMismatch)
            let pinned = try Reference("\(fixture.server.address)/\(PullFixture.repository)@\(other)")
            fixture.override(PullFixture.path("manifests/\(other)"), Answer(body: fixture.image.manifest))
            await #expect { try await fixture.puller.pull(pinned) } throws: { ($0 as? ImageError)?.code == .digestMismatch }
        }
    }

    @Test func hugeManifest() async throws {
        try await withPullFixture { fixture in
            let spaces = [UInt8](repeating: 0x20, count: 1 << 20)
            fixture.override(PullFixture.manifestPath, Answer(body: spaces, ending: .endless, isChunked: true))
            try await fixture.expectFailure(.oversizedBody)
        }
    }
}
