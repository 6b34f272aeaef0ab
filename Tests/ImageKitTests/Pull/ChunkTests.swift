import ImageKit
import NIOHTTP1
import OCIModel
import Synchronization
import TestSupport
import Testing

@testable import ImageKit

@Suite("Large blobs over several connections", .serialized) struct ChunkTests {
    typealias Answer = ScriptedServer.Answer
    private static let large = ScriptedImage(layers: [100 << 20])
    private static let rate = 20 << 20

    /// The time of a pull from a registry with so much a connection.
    private func pull(connections: Int, rate: Int?, _ check: (PullFixture) throws -> Void) async throws -> Duration {
        var limits = PullFixture.Limits(idleLimit: .seconds(20))
        limits.change = { $0.connectionsPerBlob = connections }
        var duration = Duration.zero
        try await withPullFixture(Self.large, limits: limits) { fixture in
            let layer = Self.large.layers[0]
            fixture.override(PullFixture.blobPath(layer)) { .file(layer, $0, rate: rate) }
            let start = ContinuousClock.now
            try await fixture.pull()
            duration = ContinuousClock.now - start
            try check(fixture)
        }
        return duration
    }

    private func requests(_ fixture: PullFixture) -> [ScriptedServer.Request] {
        fixture.server.requests(to: PullFixture.blobPath(Self.large.layers[0]))
    }

    @Test func fourAreThreeTimesAsFast() async throws {
        let one = try await pull(connections: 1, rate: Self.rate) { #expect(requests($0).count == 1) }
        // A busy machine makes four slower and one not, which only sleeps: the best of three counts.
        var ratio = 0.0
        for _ in 0..<3 where ratio < 3 {
            let four = try await pull(connections: 4, rate: Self.rate) { #expect(requests($0).count > 10) }
            ratio = max(ratio, one / four)
            print("100 MiB at 20 MiB/s a connection: one \(one), four \(four), \(one / four) times as fast")
        }
        #expect(ratio >= 3)
    }

    @Test func oneWhereItIsFast() async throws {
        _ = try await pull(connections: 4, rate: nil) { #expect(requests($0).count == 1) }
    }

    /// A server that ignores Range keeps its one connection, and nothing is asked for again.
    @Test func oneWhereRangeIsIgnored() async throws {
        let image = ScriptedImage(layers: [24 << 20])
        try await withPullFixture(image, limits: .init(idleLimit: .seconds(20))) { fixture in
            let layer = image.layers[0]
            fixture.override(PullFixture.blobPath(layer), Answer(body: layer, rate: Self.rate))
            try await fixture.pull()
            let requests = fixture.server.requests(to: PullFixture.blobPath(layer))
            // The download, and the question whether there are ranges.
            #expect(requests.count == 2)
            #expect(requests.filter { $0.headers.first(name: "Range") == nil }.count == 1)
        }
    }

    /// A piece that is cut goes on inside; pieces that lie end the pull with a typed error.
    @Test func brokenPieces() async throws {
        let image = ScriptedImage(layers: [32 << 20])
        let layer = image.layers[0]
        let faults: [(ImageError.Code?, @Sendable (ScriptedServer.Request) -> Answer)] = [
            (
                nil,
                { request in
                    var answer = Answer.file(layer, request, rate: Self.rate)
                    if answer.body.count > 1 << 20, answer.status == 206 {
                        answer.rate = nil
                        answer.ending = .cut(after: 3 << 20)
                    }
                    return answer
                }
            ),
            (
                .digestMismatch,
                { request in
                    var answer = Answer.file(layer, request, rate: Self.rate)
                    if let range = request.range(of: layer.count), range.contains(20 << 20) { answer.body[answer.body.count - 1] ^= 1 }
                    return answer
                }
            ),
            (
                .protocolViolation,
                { request in
                    var answer = Answer.file(layer, request, rate: Self.rate)
                    if answer.status == 206, answer.body.count > 1 {
                        answer.headers = [("Content-Range", "bytes 0-\(answer.body.count - 1)/\(layer.count)")]
                    }
                    return answer
                }
            ),
        ]
        for (code, answer) in faults {
            try await withPullFixture(image, limits: .init(idleLimit: .seconds(20), retries: 2)) { fixture in
                fixture.override(PullFixture.blobPath(layer), answer)
                if let code {
                    let failure = await #expect(throws: ImageError.self) { try await fixture.pull() }
                    #expect(failure?.code == code)
                    #expect(try !fixture.store.contains(Digest(ScriptedImage.digest(layer))))
                } else {
                    try await fixture.pull()
                }
            }
        }
        // Whatever happened, all room is free again: another pull by pieces ends.
        _ = try await pull(connections: 4, rate: 40 << 20 / 2) { _ in }
    }

    @Test func ledger() async {
        let size = ChunkLedger.chunkSize
        let ledger = ChunkLedger(from: 100, to: 100 + 2 * size + 5)
        let chunks = [await ledger.take(), await ledger.take(), await ledger.take()].compactMap { $0 }
        #expect(chunks == [100..<(100 + size), (100 + size)..<(100 + 2 * size), (100 + 2 * size)..<(105 + 2 * size)])
        #expect(await ledger.take() == nil)
        #expect(await ledger.complete(chunks[2]) == 100)
        #expect(await ledger.complete(chunks[0]) == 100 + size)
        #expect(await ledger.settle(100 + size) == 1)
        #expect(await ledger.complete(chunks[1]) == 105 + 2 * size)
        #expect(await ledger.settle(105 + 2 * size) == 2)
        #expect(await ledger.abandon() == 0)
    }
}
