import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

/// The markers of blobs that have not been flushed, as a restart of the machine finds them.
@Suite("Content store: after a power failure") struct StoreDurabilityTests {
    @Test func oneFlushForgetsAllMarkers() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let image = try fixture.image("a", layer: [1])
            #expect(fixture.unsynced.count == 3)
            try fixture.store.sync([image.layer.digest, image.config.digest, image.root.digest])
            #expect(fixture.unsynced == [])
            #expect(fixture.store.contains(image.layer.digest))
        }
    }

    @Test func unflushedBlobsOfAnotherBootAreDropped() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let digest = try fixture.image("a", layer: [1]).layer.digest
            let marker = fixture.path.appending("unsynced/\(digest.hex)")
            // Of this boot: the kernel has it, whatever became of the program.
            #expect(fixture.store.contains(digest))
            #expect(try fixture.store.image(Reference("a")) != nil)
            try Files.write("00000000-0000-0000-0000-000000000000", to: marker)
            // The image is not whole, and is pulled again.
            #expect(try fixture.store.image(Reference("a")) == nil)
            #expect(!fixture.store.contains(digest))
            #expect(!fixture.blobs.contains(digest.hex))
            #expect(!Files.exists(marker))
        }
    }

    /// A marker that was itself cut off.
    @Test func emptyMarker() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let digest = try fixture.image("a", layer: [1]).layer.digest
            try Files.write("", to: fixture.path.appending("unsynced/\(digest.hex)"))
            #expect(!fixture.store.contains(digest))
        }
    }

    @Test func noMarkersWithoutDurability() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            try fixture.image("a", layer: [1])
            #expect(fixture.unsynced == [])
        }
    }
}
