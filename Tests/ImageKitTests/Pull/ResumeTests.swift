import CLinux
import Glibc
import Logging
import NIOCore
import NIOHTTP1
import OCIModel
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Broken downloads go on", .serialized) struct ResumeTests {
    typealias Answer = ScriptedServer.Answer
    /// One layer that is worth keeping a part of.
    private static let image = ScriptedImage(layers: [9 << 20])
    private static let cut = 6 << 20
    private var layer: [UInt8] { Self.image.layers[0] }
    private var path: String { PullFixture.blobPath(layer) }
    private var partial: String { "sha256-\(TestImage.hex(layer))" }

    private func ranges(_ fixture: PullFixture) -> [String?] {
        fixture.server.requests(to: path).map { $0.headers.first(name: "Range") }
    }

    /// Within one pull: the second request asks for the rest only.
    @Test func withinAPull() async throws {
        try await withPullFixture(Self.image) { fixture in
            let (layer, first) = (layer, OnceFlag())
            fixture.override(path) { first.take() ? Answer(body: layer, ending: .cut(after: Self.cut), rate: 50 << 20) : .file(layer, $0) }
            try await fixture.pull()
            #expect(ranges(fixture) == [nil, "bytes=\(Self.cut)-"])
        }
    }

    /// The download broke for good; another program's store, opened later, goes on with what is there.
    @Test func afterARestart() async throws {
        try await withPullFixture(Self.image, limits: .init(retries: 0)) { fixture in
            let (layer, first) = (layer, OnceFlag())
            fixture.override(path) { first.take() ? Answer(body: layer, ending: .cut(after: Self.cut), rate: 50 << 20) : .file(layer, $0) }
            await #expect(throws: ImageError.self) { try await fixture.pull() }
            #expect(Files.names(in: fixture.store.path.appending("ingest")) == [partial])
            #expect(try fixture.store.names().isEmpty)
            let again = try ContentStore(at: fixture.store.path, durability: .none)
            let client = try RegistryClient(.init(), logger: .init(label: "test"))
            _ = try await ImagePuller(store: again, client: client).pull(fixture.reference)
            try await client.shutdown()
            #expect(ranges(fixture) == [nil, "bytes=\(Self.cut)-"])
            #expect(Files.names(in: fixture.store.path.appending("ingest")) == [])
        }
    }

    /// What was left on disk is damaged: noticed by the digest, and everything comes anew.
    @Test func aDamagedPart() async throws {
        try await withPullFixture(Self.image) { fixture in
            let layer = layer
            var damaged = Array(layer.prefix(Self.cut))
            damaged[5] ^= 1
            try Files.write(damaged, to: fixture.store.path.appending("ingest/\(partial)"))
            fixture.override(path) { .file(layer, $0) }
            try await fixture.pull()
            #expect(ranges(fixture) == ["bytes=\(Self.cut)-", nil])
        }
    }

    /// All of it was there: no request at all. More than all: from the start.
    @Test func nothingIsMissing() async throws {
        for extra in [0, 1] {
            try await withPullFixture(Self.image) { fixture in
                try Files.write(layer + [UInt8](repeating: 0, count: extra), to: fixture.store.path.appending("ingest/\(partial)"))
                try await fixture.pull()
                #expect(ranges(fixture) == (extra == 0 ? [] : [nil]))
            }
        }
    }

    /// A program died while pieces were written beyond the frontier: the hole and what is behind it do not count.
    @Test func holes() async throws {
        try await withPullFixture(Self.image) { fixture in
            let layer = layer
            let file = fixture.store.path.appending("ingest/\(partial)")
            try Files.write(Array(layer.prefix(5 << 20)), to: file)
            let descriptor = open(file.string, O_WRONLY | O_CLOEXEC)
            layer.withUnsafeBytes { _ = pwrite(descriptor, $0.baseAddress! + (8 << 20), 1 << 20, 8 << 20) }
            close(descriptor)
            fixture.override(path) { .file(layer, $0) }
            try await fixture.pull()
            let start = ranges(fixture).first?.flatMap { $0.dropFirst(6).dropLast() }.flatMap { Int($0) } ?? 0
            #expect(start <= 5 << 20)
            #expect(start >= (5 << 20) - 65536 * 2)
            #expect(ranges(fixture).count == 1)
        }
    }

    /// The server ignores Range: the answer is taken from its start.
    @Test func rangeIgnored() async throws {
        try await withPullFixture(Self.image) { fixture in
            try Files.write(Array(layer.prefix(Self.cut)), to: fixture.store.path.appending("ingest/\(partial)"))
            try await fixture.pull()
            #expect(ranges(fixture) == ["bytes=\(Self.cut)-"])
        }
    }

    @Test func rangeNotSatisfiable() async throws {
        try await withPullFixture(Self.image) { fixture in
            let layer = layer
            try Files.write(Array(layer.prefix(Self.cut)), to: fixture.store.path.appending("ingest/\(partial)"))
            fixture.override(path) { $0.range(of: layer.count) == nil ? nil : .status(416) }
            try await fixture.pull()
            #expect(ranges(fixture) == ["bytes=\(Self.cut)-", nil])
        }
    }

    static let lies = [
        "bytes 0-9437183/9437184", "bytes 6291457-9437183/9437184", "bytes 6291456-9437182/9437184", "bytes 6291456-9437183/9437185",
        "bytes 6291456-9437183/*", "items 6291456-9437183/9437184", "", "bytes -1-5/9",
    ]

    @Test(arguments: lies) func wrongContentRange(header: String) async throws {
        try await withPullFixture(Self.image) { fixture in
            let layer = layer
            try Files.write(Array(layer.prefix(Self.cut)), to: fixture.store.path.appending("ingest/\(partial)"))
            fixture.override(path) { _ in
                Answer(status: 206, headers: [("Content-Range", header)], body: Array(layer.suffix(layer.count - Self.cut)))
            }
            let failure = await #expect(throws: ImageError.self) { try await fixture.pull() }
            #expect(failure?.code == .protocolViolation)
            #expect(try !fixture.store.contains(Digest(ScriptedImage.digest(layer))))
        }
    }

    /// A range nobody asked for.
    @Test func partWithoutAsking() async throws {
        try await withPullFixture(Self.image) { fixture in
            let layer = layer
            fixture.override(path) { _ in
                Answer(status: 206, headers: [("Content-Range", "bytes 0-9437183/9437184")], body: layer)
            }
            try await fixture.expectFailure(.protocolViolation, naming: ScriptedImage.digest(layer), missing: layer)
        }
    }

    /// Cancelled, then pulled again: what had come is not asked for again.
    @Test func cancelled() async throws {
        try await withPullFixture(Self.image, limits: .init(idleLimit: .seconds(30))) { fixture in
            let (layer, first) = (layer, OnceFlag())
            fixture.override(path) { first.take() ? Answer(body: layer, ending: .stall(after: Self.cut)) : .file(layer, $0) }
            let (puller, reference) = (fixture.puller, try fixture.reference)
            let received = Mutex(Int64(0))
            let events = TransferEvents()
            let pull = Task { try await puller.pull(reference, progress: events) }
            async let reading: Void = {
                for await case .blob(_, .transferring(let bytes, _)) in events { received.withLock { $0 = max($0, bytes.rawValue) } }
            }()
            while received.withLock({ $0 }) < Self.cut - (1 << 20) { try await Task.sleep(for: .milliseconds(10)) }
            pull.cancel()
            await #expect(throws: ImageError.self) { _ = try await pull.value }
            await reading
            try await fixture.pull()
            let start = ranges(fixture).last?.flatMap { $0.dropFirst(6).dropLast() }.flatMap { Int($0) } ?? 0
            #expect(start >= Self.cut - (1 << 20))
        }
    }

    /// Two stores in one directory, as two programs have it: one downloads, the other waits and finds it.
    @Test func twoProgramsDownloadOnce() async throws {
        try await withPullFixture(Self.image, limits: .init(idleLimit: .seconds(30))) { fixture in
            let layer = layer
            fixture.override(path) {
                var answer = Answer.file(layer, $0)
                answer.delay = .milliseconds(300)
                return answer
            }
            let other = try ContentStore(at: fixture.store.path, durability: .none)
            let client = try RegistryClient(.init(), logger: .init(label: "test"))
            let reference = try fixture.reference
            let pullers = [fixture.puller, ImagePuller(store: other, client: client)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for puller in pullers { group.addTask { _ = try await puller.pull(reference, policy: .always) } }
                try await group.waitForAll()
            }
            try await client.shutdown()
            #expect(fixture.server.requests(to: path).count == 1)
        }
    }

    @Test func prune() async throws {
        try await withPullFixture(Self.image) { fixture in
            let file = fixture.store.path.appending("ingest/\(partial)")
            try Files.write(Array(layer.prefix(Self.cut)), to: file)
            try fixture.store.collectGarbage()
            #expect(Files.exists(file))
            #expect(try fixture.store.usage().partialDownloads == .bytes(Int64(Self.cut)))
            try fixture.store.collectGarbage(droppingPartialDownloads: true)
            #expect(!Files.exists(file))
        }
    }
}
