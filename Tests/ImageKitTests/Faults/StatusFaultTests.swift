import ImageKit
import NIOHTTP1
import OCIModel
import Synchronization
import TestSupport
import Testing

@Suite("Registries that refuse, fail or are not there", .serialized)
struct StatusFaultTests {
    @Test func aPullSucceedsWithoutFaults() async throws {
        try await withPullFixture { fixture in
            let (image, timings) = try await fixture.pull()
            #expect(image.digest.description == ScriptedImage.digest(fixture.image.manifest))
            let blobs = fixture.image.layers + [fixture.image.configuration]
            #expect(timings.downloadedBytes == .bytes(Int64(blobs.reduce(0) { $0 + $1.count })))
            for request in fixture.server.requests {
                #expect(request.headers["Accept-Encoding"] == ["identity"])
                #expect(request.authorization == nil)
            }
        }
    }

    @Test func unreachable() async throws {
        try await withPullFixture { fixture in
            await fixture.server.stop()
            try await fixture.expectFailure(.unreachable, naming: fixture.server.address)
        }
    }

    @Test func aNameThatDoesNotResolve() async throws {
        try await withPullFixture { fixture in
            let reference = try Reference("registry.invalid/team/app:1")
            await #expect { try await fixture.puller.pull(reference) } throws: { error in
                (error as? ImageError)?.code == .unreachable && "\(error)".contains("registry.invalid")
            }
        }
    }

    @Test(arguments: [
        (401, ImageError.Code.unauthorized), (403, .forbidden), (404, .notFound), (400, .serverFailed), (405, .serverFailed),
        (501, .serverFailed),
    ])
    func refusalsAreNotRetried(status: Int, code: ImageError.Code) async throws {
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, .status(status))
            try await fixture.expectFailure(code)
            #expect(fixture.server.requests.count == 1)
        }
    }

    @Test(arguments: [
        (429, ImageError.Code.tooManyRequests), (408, .serverFailed), (500, .serverFailed), (502, .serverFailed), (503, .serverFailed),
    ])
    func failuresThatMayPassAreRetriedAFewTimes(status: Int, code: ImageError.Code) async throws {
        try await withPullFixture(limits: .init(retries: 3)) { fixture in
            fixture.override(PullFixture.manifestPath, .status(status, [("Retry-After", "3600")]))
            try await fixture.expectFailure(code, within: .seconds(5))
            #expect(fixture.server.requests.count == 4)
        }
    }

    @Test func retryAfterIsWaitedFor() async throws {
        try await withPullFixture(limits: .init(longestRetryDelay: .seconds(20))) { fixture in
            let asked = Mutex(0)
            fixture.override(PullFixture.manifestPath) { _ in
                let isFirst = asked.withLock { count in
                    count += 1
                    return count == 1
                }
                return isFirst ? .status(429, [("Retry-After", "1")]) : nil
            }
            let start = ContinuousClock.now
            try await fixture.pull()
            #expect(ContinuousClock.now - start >= .seconds(1))
            #expect(fixture.server.requests(to: PullFixture.manifestPath).count == 2)
        }
    }

    @Test(arguments: [401, 403, 404, 429, 500]) func blobsThatAreRefused(status: Int) async throws {
        try await withPullFixture { fixture in
            let layer = fixture.image.layers[1]
            fixture.override(PullFixture.blobPath(layer), .status(status))
            let codes: [Int: ImageError.Code] = [
                401: .unauthorized, 403: .forbidden, 404: .notFound, 429: .tooManyRequests, 500: .serverFailed,
            ]
            try await fixture.expectFailure(#require(codes[status]), naming: ScriptedImage.digest(layer), missing: layer)
        }
    }

    @Test func theBodyOfARefusalMayBeBroken() async throws {
        try await withPullFixture { fixture in
            var answer = ScriptedServer.Answer.status(404)
            answer.body = Array("half an expl".utf8)
            answer.length = 1000
            answer.ending = .cut(after: 12)
            fixture.override(PullFixture.manifestPath, answer)
            try await fixture.expectFailure(.notFound)
        }
    }
}
