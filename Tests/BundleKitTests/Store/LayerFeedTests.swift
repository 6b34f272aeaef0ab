import Glibc
import LinuxSystem
import OCIModel
import SpawnKit
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import BundleKit

@Suite("Unpacking while bytes arrive", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct LayerFeedTests {
    private struct Scene {
        var store: LayerStore
        var unpacker: Unpacker
        var feed = LayerFeed()
        var blobs: UnpackerTests.Blobs
        var layers: [LayerDescription]
        var manifest: ImageManifest
        var configuration: ImageConfiguration
        var directory: FilePath

        func bytes(_ layer: Int) throws -> [UInt8] {
            try Files.read(blobs.layout.appending("blobs/sha256").appending(String(layers[layer].digest.dropFirst(7))))
        }
        func digest(_ layer: Int) throws -> Digest { try Digest(layers[layer].digest) }
        func ingest(_ name: String = "arriving") throws -> FileDescriptor {
            try .open(
                directory.appending(name), .readWrite, options: [.create, .closeOnExec, .truncate], permissions: .ownerReadWrite)
        }
        var staged: [String]? { Files.names(in: directory.appending("layers/ingest")) }
    }

    private func with(_ image: TestImage, _ body: (Scene) async throws -> Void) async throws {
        try await TestDirectory.with("feed") { directory in
            let store = try await LayerStore.open(at: directory.appending("layers"), durability: .none)
            let spawner = Spawner()
            defer { spawner.shutdown() }
            let (blobs, layers) = try UnpackerTests.describe(image, in: directory)
            let described = try layers.map {
                Descriptor(mediaType: MediaType(rawValue: $0.mediaType), digest: try Digest($0.digest), size: Int64($0.size))
            }
            let scene = Scene(
                store: store, unpacker: Unpacker(store: store, spawner: spawner), blobs: blobs, layers: layers,
                manifest: ImageManifest(config: described[0], layers: described),
                configuration: ImageConfiguration(
                    architecture: "amd64", rootfs: .init(diffIDs: try layers.map { try Digest($0.diffID) })),
                directory: directory)
            try await body(scene)
            #expect(scene.staged == [])
        }
    }

    private static let image = { () -> TestImage in
        var archive = TarArchive()
        archive.directory("d")
        for number in 0..<200 { archive.file("d/f\(number)", text: String(repeating: "\(number) ", count: 400)) }
        var image = TestImage(layers: [archive.finished()])
        image.compression = .gzip
        return image
    }()

    @Test func `files are written before the blob has come`() async throws {
        try await with(Self.image) { scene in
            let bytes = try scene.bytes(0)
            let digest = try scene.digest(0)
            async let result = scene.unpacker.unpack(following: scene.feed, from: scene.blobs)
            scene.feed.resolved(scene.manifest, scene.configuration)
            let file = try scene.ingest()
            scene.feed.began(digest, file: file)
            let half = bytes.count / 2
            // Rubbish beyond the frontier is never looked at.
            try file.writeAll(toAbsoluteOffset: 0, Array(bytes[..<half]) + [UInt8](repeating: 0xff, count: bytes.count))
            for offset in stride(from: 1, through: half, by: 97) { scene.feed.advanced(digest, to: Int64(offset)) }
            scene.feed.advanced(digest, to: Int64(half))
            func written() -> Int {
                let staging = scene.staged?.first.map { scene.directory.appending("layers/ingest").appending($0).appending("tree/d") }
                return staging.flatMap { Files.names(in: $0) }?.count ?? 0
            }
            for _ in 0..<2000 where written() < 50 { try await Task.sleep(for: .milliseconds(2)) }
            #expect(written() >= 50 && written() < 200)
            #expect(try await scene.store.keys() == [])
            try file.writeAll(toAbsoluteOffset: Int64(half), bytes[half...])
            try file.resize(to: Int64(bytes.count))
            scene.feed.advanced(digest, to: Int64(bytes.count))
            // Written whole, but not a layer before somebody vouches for the blob.
            for _ in 0..<2000 where written() < 200 { try await Task.sleep(for: .milliseconds(2)) }
            try await Task.sleep(for: .milliseconds(30))
            #expect(try await scene.store.keys() == [])
            scene.feed.verified(digest)
            let unpacked = try #require(try await result)
            #expect(Files.names(in: unpacked.layers[0].path.appending("d"))?.count == 200)
            try file.close()
        }
    }

    @Test func `a download that begins once more is unpacked once more`() async throws {
        try await with(Self.image) { scene in
            let bytes = try scene.bytes(0)
            let digest = try scene.digest(0)
            async let result = scene.unpacker.unpack(following: scene.feed, from: scene.blobs)
            scene.feed.resolved(scene.manifest, scene.configuration)
            let first = try scene.ingest("first")
            try first.writeAll(bytes[..<2000])
            scene.feed.began(digest, file: first)
            scene.feed.advanced(digest, to: 2000)
            try await Task.sleep(for: .milliseconds(50))
            scene.feed.failed(digest)
            try first.close()
            let second = try scene.ingest("second")
            try second.writeAll(bytes)
            scene.feed.began(digest, file: second)
            scene.feed.advanced(digest, to: Int64(bytes.count))
            scene.feed.verified(digest)
            let unpacked = try await result
            #expect(unpacked?.layers.count == 1)
            try second.close()
        }
    }

    @Test func `a blob that does not come leaves nothing`() async throws {
        try await with(Self.image) { scene in
            let bytes = try scene.bytes(0)
            let digest = try scene.digest(0)
            let unpacker = scene.unpacker
            let feed = scene.feed
            let blobs = scene.blobs
            let task = Task { try await unpacker.unpack(following: feed, from: blobs) }
            scene.feed.resolved(scene.manifest, scene.configuration)
            let file = try scene.ingest()
            // All of it, and in order: but nobody says that it is what the digest stands for.
            try file.writeAll(bytes)
            scene.feed.began(digest, file: file)
            scene.feed.advanced(digest, to: Int64(bytes.count))
            try await Task.sleep(for: .milliseconds(50))
            scene.feed.failed(digest)
            scene.feed.end()
            await #expect { try await task.value } throws: { ($0 as? BundleError)?.code == .cancelled }
            #expect(try await scene.store.keys() == [])
            try file.close()
        }
    }

    @Test func `a pull that knows nothing unpacks nothing`() async throws {
        try await with(Self.image) { scene in
            async let result = scene.unpacker.unpack(following: scene.feed, from: scene.blobs)
            scene.feed.end()
            let unpacked = try await result
            #expect(unpacked == nil)
        }
    }

    @Test func `who waits for a pull that says nothing can be cancelled`() async throws {
        try await with(Self.image) { scene in
            let (unpacker, feed, blobs) = (scene.unpacker, scene.feed, scene.blobs)
            let before = Task { try await unpacker.unpack(following: feed, from: blobs) }
            try await Task.sleep(for: .milliseconds(20))
            before.cancel()
            #expect(try await before.value == nil)
            scene.feed.resolved(scene.manifest, scene.configuration)
            let after = Task { try await unpacker.unpack(following: feed, from: blobs) }
            try await Task.sleep(for: .milliseconds(20))
            after.cancel()
            await #expect { try await after.value } throws: { ($0 as? BundleError)?.code == .cancelled }
        }
    }

    @Test func `who waits for another's work on a layer can be cancelled`() async throws {
        try await with(Self.image) { scene in
            let (unpacker, feed, blobs) = (scene.unpacker, scene.feed, scene.blobs)
            let digest = try scene.digest(0)
            let first = Task { try await unpacker.unpack(following: feed, from: blobs) }
            scene.feed.resolved(scene.manifest, scene.configuration)
            let file = try scene.ingest()
            scene.feed.began(digest, file: file)
            for _ in 0..<1000 where UnpackerProcessTests.process(holding: scene.directory) == nil {
                try await Task.sleep(for: .milliseconds(2))
            }
            // The blob stands still; the second one wants the same layer.
            let layers = scene.layers
            let second = Task { try await unpacker.unpack(layers, from: blobs) }
            try await Task.sleep(for: .milliseconds(20))
            second.cancel()
            await #expect { try await second.value } throws: { ($0 as? BundleError)?.code == .cancelled }
            scene.feed.end()
            await #expect { try await first.value } throws: { ($0 as? BundleError)?.code == .cancelled }
            try file.close()
        }
    }

    @Test func `a reader that goes on lets downloads go on`() async throws {
        var archive = TarArchive()
        var random = SeededGenerator(1)
        archive.file("noise", (0..<6 << 20).map { _ in UInt8.random(in: 0...255, using: &random) })
        try await with(TestImage(layers: [archive.finished()])) { scene in
            let (unpacker, feed, blobs) = (scene.unpacker, scene.feed, scene.blobs)
            let digest = try scene.digest(0)
            let bytes = try scene.bytes(0)
            let task = Task { try await unpacker.unpack(following: feed, from: blobs) }
            scene.feed.resolved(scene.manifest, scene.configuration)
            let file = try scene.ingest()
            scene.feed.began(digest, file: file)
            var reader: Int32?
            for _ in 0..<1000 where reader == nil {
                reader = UnpackerProcessTests.process(holding: scene.directory)
                try await Task.sleep(for: .milliseconds(2))
            }
            let pid = try #require(reader)
            kill(pid, SIGSTOP)
            try file.writeAll(toAbsoluteOffset: 0, bytes)
            // A second blob that nobody moves fills the budget up to the first one's last MiB.
            scene.feed.advanced(digest, to: Int64(bytes.count))
            let filler = ReadingBudgetProbe()
            filler.note(ahead: LayerFeed.budget - Int64(bytes.count) + 1)
            let waited = Task { try await feed.room() }
            try await Task.sleep(for: .milliseconds(50))
            #expect(!filler.hasRoom)
            kill(pid, SIGCONT)
            try await waited.value
            filler.note(ahead: nil)
            scene.feed.verified(digest)
            #expect(try await task.value?.layers.count == 1)
            try file.close()
        }
    }

    @Test func `what is ahead of a reader that does not read holds downloads up`() async throws {
        try await with(Self.image) { scene in
            let digest = try scene.digest(0)
            let unpacker = scene.unpacker
            let feed = scene.feed
            let blobs = scene.blobs
            let task = Task { try await unpacker.unpack(following: feed, from: blobs) }
            scene.feed.resolved(scene.manifest, scene.configuration)
            // Nobody reads it yet: there is room, whatever has come.
            let file = try scene.ingest()
            try await feed.room()
            scene.feed.began(digest, file: file)
            var reader: Int32?
            for _ in 0..<1000 where reader == nil {
                reader = UnpackerProcessTests.process(holding: scene.directory)
                try await Task.sleep(for: .milliseconds(2))
            }
            let pid = try #require(reader)
            // Stopped, it cannot move, whatever comes.
            kill(pid, SIGSTOP)
            scene.feed.advanced(digest, to: LayerFeed.budget + 1)
            let waited = Task { try await feed.room() }
            try await Task.sleep(for: .milliseconds(100))
            waited.cancel()
            await #expect(throws: CancellationError.self) { try await waited.value }
            task.cancel()
            scene.feed.end()
            _ = try? await task.value
            try await feed.room()
            try file.close()
        }
    }
}

/// A share of the process's budget that a test holds.
private final class ReadingBudgetProbe: Sendable {
    func note(ahead: Int64?) { ReadingBudget.shared.note(ObjectIdentifier(self), ahead: ahead) }
    var hasRoom: Bool { ReadingBudget.shared.hasRoom }
    deinit { note(ahead: nil) }
}
