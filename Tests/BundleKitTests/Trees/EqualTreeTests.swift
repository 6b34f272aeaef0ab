import BundleKit
import Glibc
import OCIModel
import SpawnKit
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("Trees equal to umoci's", .serialized, .tags(.privileged), .leakChecked, .needsRoot, .needsPrograms("umoci"))
struct EqualTreeTests {
    /// Which layers began to be unpacked.
    private final class Begun: Sendable {
        private let started = Mutex<Set<Int>>([])
        func note(_ progress: UnpackProgress) {
            switch progress {
            case .started(let index), .finished(let index, _): started.withLock { _ = $0.insert(index) }
            }
        }
        func wait(_ index: Int) async throws {
            while !started.withLock({ $0.contains(index) }) { try await Task.sleep(for: .microseconds(200)) }
        }
    }

    /// Unpacks one layer at a time, in the order given, whatever it needs of others; then looks at the merged tree.
    private func tree(
        _ layers: [LayerDescription], _ blobs: UnpackerTests.Blobs, order: [Int], in directory: FilePath, _ spawner: Spawner
    ) async throws -> [String: String] {
        let store = try await LayerStore.open(at: directory.appending("layers"), durability: .none)
        let unpacker = Unpacker(store: store, spawner: spawner, width: 1)
        let feed = LayerFeed()
        let begun = Begun()
        let digests = try layers.map { try Digest($0.digest) }
        let manifest = ImageManifest(
            config: Descriptor(mediaType: MediaType(rawValue: "application/vnd.oci.image.config.v1+json"), digest: digests[0], size: 1),
            layers: zip(layers, digests).map { Descriptor(mediaType: MediaType(rawValue: $0.mediaType), digest: $1, size: Int64($0.size)) })
        let configuration = ImageConfiguration(
            architecture: "amd64", rootfs: .init(diffIDs: try layers.map { try Digest($0.diffID) }))
        async let result = unpacker.unpack(following: feed, from: blobs) { begun.note($0) }
        feed.resolved(manifest, configuration)
        for index in order {
            feed.verified(digests[index])
            try await begun.wait(index)
        }
        let unpacked = try #require(try await result)
        #expect(Files.names(in: directory.appending("layers/ingest")) == [])
        let mount = directory.appending("merged")
        try TestDirectory.create(mount)
        // Short names: an option of mount(2) is one page.
        let names = unpacked.layers.map { "\($0.key.hex)" }
        let short = names.enumerated().map { index, name in
            let link = "l\(index)"
            _ = symlink("layers/sha256/\(name)", directory.appending(link).string)
            return link
        }
        try Command.run(
            "sh", "-c", "cd \"$0\" && exec mount -t overlay -o \"ro,lowerdir=$1\" overlay merged", directory.string,
            (short.reversed() + [try empty(directory)]).joined(separator: ":"))
        defer { _ = try? Command.run("umount", mount.string) }
        return try TreeListing.of(mount)
    }

    /// Overlay wants two directories at least where nothing is written.
    private func empty(_ directory: FilePath) throws -> String {
        try TestDirectory.create(directory.appending("empty"))
        return "empty"
    }

    @Test(arguments: TreeImage.all)
    func `in order, reversed and at random`(_ image: TreeImage) async throws { try await compare(image) }

    @Test func `a hundred thousand files`() async throws { try await compare(.many(100_000), in: TestDirectory.memory) }

    private func compare(_ image: TreeImage, in place: FilePath? = nil) async throws {
        try await TestDirectory.with("trees", in: place) { directory in
            var test = TestImage(layers: image.layers.map { $0.finished() })
            test.compression = .gzip
            let (blobs, layers) = try UnpackerTests.describe(test, in: directory)
            let start = time(nil)
            try Command.run("umoci", "unpack", "--image", blobs.layout.string + ":latest", directory.appending("umoci").string)
            let theirs = try TreeListing.of(directory.appending("umoci/rootfs"))
            #expect(theirs.count > 2)
            let spawner = Spawner()
            defer { spawner.shutdown() }
            var random = SeededGenerator(4)
            let inOrder = Array(layers.indices)
            let orders = Set([inOrder, inOrder.reversed(), inOrder.shuffled(using: &random)])
            for (number, order) in orders.enumerated() {
                let place = directory.appending("order\(number)")
                try TestDirectory.create(place)
                let ours = try await tree(layers, blobs, order: order, in: place, spawner)
                let difference = TreeListing.difference(ours, theirs, since: start)
                #expect(difference.isEmpty, "\(order.prefix(8)):\n\(difference.prefix(12).joined(separator: "\n"))")
            }
        }
    }
}
