import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Content store: verification, leases, use of the disk") struct StoreVerifyTests {
    @Test func aSoundStore() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            try fixture.image("a", layer: [1, 2, 3])
            let report = try fixture.store.verify()
            #expect(report.isClean, "\(report.problems)")
            #expect(report.blobs == 3)
            #expect(!report.isRepaired)
        }
    }

    @Test func everyKindOfDamage() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let image = try fixture.image("a", layer: [UInt8](repeating: 3, count: 100))
            let other = try fixture.image("b", layer: [9])
            var bytes = [UInt8](repeating: 3, count: 100)
            bytes[99] = 4
            try Files.write(bytes, to: fixture.store.path(of: image.layer.digest))
            try Command.run("rm", fixture.store.path(of: other.config.digest).string)
            let blobs = fixture.path.appending("blobs/sha256")
            try Files.write("x", to: blobs.appending("notes.txt"))
            let linked = TestImage.hex([77])
            try Command.run("ln", "-s", "/etc/passwd", blobs.appending(linked).string)
            try Command.run("mkfifo", blobs.appending(TestImage.hex([78])).string)
            try Files.write("x", to: fixture.path.appending(".index.json.1.2"))
            try Files.write("x", to: fixture.path.appending("unsynced/\(TestImage.hex([79]))"))
            let expected: Set<StoreReport.Problem> = [
                .damagedBlob(image.layer.digest), .incompleteImage(try Reference("b"), missing: other.config.digest),
                .foreignFile("blobs/sha256/notes.txt"), .foreignFile("blobs/sha256/\(linked)"),
                .foreignFile("blobs/sha256/\(TestImage.hex([78]))"), .leftover(".index.json.1.2"),
                .leftover("unsynced/\(TestImage.hex([79]))"),
                // The marker of the blob that was removed by hand.
                .leftover("unsynced/\(other.config.digest.hex)"),
            ]
            #expect(Set(try fixture.store.verify().problems) == expected)
            let repaired = try fixture.store.verify(repair: true)
            #expect(repaired.isRepaired)
            // Both images are to be pulled again, and that is all.
            #expect(
                Set(try fixture.store.verify().problems) == [
                    .incompleteImage(try Reference("a"), missing: image.layer.digest),
                    .incompleteImage(try Reference("b"), missing: other.config.digest),
                ])
            #expect(try fixture.store.image(Reference("a")) == nil)
        }
    }

    @Test func aDamagedIndex() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let image = try fixture.image("a", layer: [1])
            try Files.write("{\"schemaVersion\":2,", to: fixture.path.appending("index.json"))
            #expect(try fixture.store.verify().problems == [.damagedIndex])
            _ = try fixture.store.verify(repair: true)
            #expect(try fixture.store.verify().isClean)
            #expect(try fixture.store.names().isEmpty)
            try fixture.store.setName(Reference("a"), to: image.root)
            #expect(try fixture.store.image(Reference("a")) != nil)
        }
    }

    /// Removed by a repair, a blob comes again with the next pull, and the others do not.
    @Test func theNextPullRepairs() async throws {
        try await withPullFixture { fixture in
            try await fixture.pull()
            let layer = fixture.image.layers[1]
            try Files.write("damaged", to: fixture.store.path.appending("blobs/sha256/\(TestImage.hex(layer))"))
            // The blob, and the image that needs it.
            let report = try fixture.store.verify(repair: true)
            #expect(report.problems.count == 2)
            try await fixture.pull()
            #expect(try fixture.store.verify().isClean)
            #expect(fixture.server.requests(to: PullFixture.blobPath(layer)).count == 2)
            #expect(fixture.server.requests(to: PullFixture.blobPath(fixture.image.layers[0])).count == 1)
        }
    }

    /// A lease keeps what it names as long as somebody holds it.
    @Test func leases() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let image = try fixture.image("a", layer: [1])
            try fixture.store.removeName(Reference("a"))
            do {
                let lease = try fixture.store.lease()
                #expect(try fixture.store.claim(image.layer.digest, for: lease))
                #expect(try !fixture.store.claim(StoreFixture.descriptor([5]).digest, for: lease))
                #expect(try fixture.store.collectGarbage().blobs == 2)
                #expect(fixture.blobs == [image.layer.digest.hex])
                // What it claimed before it came.
                try fixture.ingest([5], StoreFixture.descriptor([5]))
                #expect(try fixture.store.collectGarbage().blobs == 0)
            }
            #expect(try fixture.store.collectGarbage().blobs == 2)
            // One of a program that has died.
            try Files.write("\(image.layer.digest)\n", to: fixture.path.appending("leases/dead"))
            try fixture.store.collectGarbage()
            #expect(Files.names(in: fixture.path.appending("leases")) == [])
            #expect(Files.names(in: fixture.path.appending("trash")) == [])
        }
    }

    @Test func usage() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let layer = [UInt8](repeating: 1, count: 5000)
            let first = try fixture.image("a", layer: layer)
            let second = try fixture.image("b", layer: layer)
            #expect(first.root == second.root)
            let third = try fixture.image("c", layer: [2])
            try fixture.ingest([9, 9], StoreFixture.descriptor([9, 9]))
            let usage = try fixture.store.usage()
            let size = 5000 + first.root.size + first.config.size
            let small = 1 + third.root.size + third.config.size
            #expect(usage.images.map(\.size) == [.bytes(size), .bytes(size), .bytes(small)])
            #expect(usage.images.map(\.unique) == [.bytes(0), .bytes(0), .bytes(small)])
            #expect(usage.blobs == .bytes(size + small + 2))
            #expect(usage.blobCount == 7)
            #expect(usage.reclaimable == .bytes(2))
        }
    }

    /// One thread marks blobs as new, another looks at them: none is taken for one of an earlier boot.
    @Test func markersAreNeverHalfWritten() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let store = fixture.store
            let bytes: [UInt8] = [1, 2, 3]
            let descriptor = try StoreFixture.descriptor(bytes)
            try fixture.ingest(bytes, descriptor)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for _ in 0..<500 { try StoreFixture.ingest(bytes, descriptor, into: store) } }
                group.addTask { for _ in 0..<5000 { #expect(store.contains(descriptor.digest)) } }
                try await group.waitForAll()
            }
        }
    }
}
