import ImageKit
import NIOCore
import OCIModel
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("Cancelled pulls, and pulls at the same time", .serialized)
struct CancellationTests {
    typealias Answer = ScriptedServer.Answer

    /// Cancels a pull and checks that it ends soon, with the right error or a whole image, and leaves nothing.
    private func cancel(_ fixture: PullFixture, after delay: Duration, _ sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> Bool
    {
        let reference = try fixture.reference
        let puller = fixture.puller
        let task = Task { () async -> ImageError? in
            do throws(ImageError) {
                _ = try await puller.pull(reference)
                return nil
            } catch { return error }
        }
        try await Task.sleep(for: delay)
        let start = ContinuousClock.now
        task.cancel()
        let failure = await task.value
        #expect(ContinuousClock.now - start < .seconds(2), "after \(delay)", sourceLocation: sourceLocation)
        #expect(Files.names(in: fixture.store.path.appending("ingest")) == [], sourceLocation: sourceLocation)
        guard let failure else { return true }
        #expect(failure.code == .cancelled, "\(failure)", sourceLocation: sourceLocation)
        #expect(try fixture.store.names().isEmpty, sourceLocation: sourceLocation)
        return false
    }

    @Test func atManyInstants() async throws {
        var completed = 0
        for instant in 0..<40 {
            try await withPullFixture(limits: .init(concurrentDownloads: 2)) { fixture in
                if try await cancel(fixture, after: .milliseconds(Double(instant) * 1.7)) { completed += 1 }
                // What is left is no obstacle.
                try await fixture.pull()
            }
        }
        #expect(completed < 40)
    }

    @Test func whileTheServerStalls() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(60))) { fixture in
            for after in [-1, 0, 100] {
                fixture.override(PullFixture.manifestPath, Answer(body: fixture.image.manifest, ending: .stall(after: after)))
                let isComplete = try await cancel(fixture, after: .milliseconds(60))
                #expect(!isComplete)
            }
            fixture.override(PullFixture.manifestPath) { _ in nil }
            for after in [-1, 0, 1_200_000] {
                let layer = fixture.image.layers[1]
                fixture.override(PullFixture.blobPath(layer), Answer(body: layer, ending: .stall(after: after)))
                let isComplete = try await cancel(fixture, after: .milliseconds(150))
                #expect(!isComplete)
                try fixture.expectNothingLeft(missing: layer)
            }
        }
    }

    @Test func whileItWaitsBeforeARetry() async throws {
        try await withPullFixture(limits: .init(longestRetryDelay: .seconds(60))) { fixture in
            fixture.override(PullFixture.manifestPath, .status(429, [("Retry-After", "50")]))
            let isComplete = try await cancel(fixture, after: .milliseconds(100))
            #expect(!isComplete)
        }
    }

    @Test func whileATokenIsFetched() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(60))) { fixture in
            let realm = "http://\(fixture.server.address)/token"
            fixture.override(all: { request in
                guard request.path.hasPrefix("/v2/") else { return nil }
                return .status(401, [("WWW-Authenticate", "Bearer realm=\"\(realm)\"")])
            })
            fixture.override("/token", Answer(ending: .stall(after: -1)))
            let isComplete = try await cancel(fixture, after: .milliseconds(100))
            #expect(!isComplete)
        }
    }

    /// One that waits for another's download stops waiting; the other goes on.
    @Test func whileAnotherPullDownloadsTheSame() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(60))) { fixture in
            let layer = fixture.image.layers[1]
            var answer = Answer(body: layer)
            answer.delay = .milliseconds(3500)
            fixture.override(PullFixture.blobPath(layer), answer)
            let reference = try fixture.reference
            let puller = fixture.puller
            let first = Task { try await puller.pull(reference) }
            try await Task.sleep(for: .milliseconds(200))
            let second = Task { try await puller.pull(reference) }
            try await Task.sleep(for: .milliseconds(200))
            let start = ContinuousClock.now
            second.cancel()
            await #expect { try await second.value } throws: { ($0 as? ImageError)?.code == .cancelled }
            #expect(ContinuousClock.now - start < .seconds(2))
            _ = try await first.value
            #expect(fixture.server.requests(to: PullFixture.blobPath(layer)).count == 1)
        }
    }

    /// The downloader is cancelled: one that waits takes over.
    @Test func theDownloaderOfABlobIsCancelled() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(60))) { fixture in
            let layer = fixture.image.layers[1]
            let asked = Mutex(0)
            fixture.override(PullFixture.blobPath(layer)) { _ in
                let isFirst = asked.withLock { count in
                    count += 1
                    return count == 1
                }
                return isFirst ? Answer(body: layer, ending: .stall(after: 1_200_000)) : nil
            }
            let reference = try fixture.reference
            let puller = fixture.puller
            let first = Task { try await puller.pull(reference) }
            try await Task.sleep(for: .milliseconds(200))
            let second = Task { try await puller.pull(reference) }
            try await Task.sleep(for: .milliseconds(200))
            first.cancel()
            await #expect { try await first.value } throws: { ($0 as? ImageError)?.code == .cancelled }
            _ = try await second.value
            #expect(asked.withLock { $0 } == 2)
        }
    }

    @Test func eachBlobIsDownloadedOnce() async throws {
        try await withPullFixture(ScriptedImage(layers: [3000, 1_300_000, 500, 40_000])) { fixture in
            try await withThrowingTaskGroup(of: Image.self) { group in
                for _ in 0..<10 { group.addTask { try await fixture.pull(.always).image } }
                var images: Set<Image> = []
                for try await image in group { images.insert(image) }
                #expect(images.count == 1)
            }
            for blob in fixture.image.layers + [fixture.image.configuration] {
                #expect(fixture.server.requests(to: PullFixture.blobPath(blob)).count == 1)
            }
        }
    }

    /// One layer fails: the others stop, and are no obstacle to the next pull.
    @Test func oneFailureEndsThePull() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(60))) { fixture in
            let stalled = fixture.image.layers[1]
            let missing = fixture.image.layers[0]
            fixture.override(PullFixture.blobPath(stalled), Answer(body: stalled, ending: .stall(after: 1_200_000)))
            fixture.override(PullFixture.blobPath(missing), .status(404))
            try await fixture.expectFailure(.notFound, naming: ScriptedImage.digest(missing), within: .seconds(5), missing: stalled)
            fixture.override(PullFixture.blobPath(stalled)) { _ in nil }
            fixture.override(PullFixture.blobPath(missing)) { _ in nil }
            try await fixture.pull()
        }
    }
}
