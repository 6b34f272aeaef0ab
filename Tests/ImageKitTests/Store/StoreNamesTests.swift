import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Content store: names and garbage") struct StoreNamesTests {
    @Test func aNameMovesAndGoes() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let name = try Reference("team/app:1")
            let old = try fixture.image("team/app:1", layer: [1])
            #expect(try fixture.store.image(name)?.digest == old.root.digest)
            let new = try fixture.image("team/app:1", layer: [2])
            try fixture.image("team/app:2", layer: [1])
            #expect(try fixture.store.descriptor(for: name)?.digest == new.root.digest)
            #expect(try fixture.store.names().map(\.reference.familiar) == ["team/app:1", "team/app:2"])
            #expect(try fixture.store.removeName(name))
            #expect(try !fixture.store.removeName(name))
            #expect(try fixture.store.image(name) == nil)
            #expect(try fixture.store.names().map(\.reference.familiar) == ["team/app:2"])
            // A digest is found whatever it is called.
            #expect(try fixture.store.image(Reference("other@\(old.root.digest)"))?.manifestDigest == old.root.digest)
            #expect(try fixture.store.image(Reference("team/app@\(new.root.digest)")) == nil)
        }
    }

    /// Two stores in one directory, as two programs have it, and many threads.
    @Test func concurrentChanges() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let descriptor = try fixture.image("base", layer: [1]).root
            let stores = [fixture.store, try ContentStore(at: fixture.path, durability: .none)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<4 {
                    let store = stores[worker % 2]
                    group.addTask {
                        for number in 0..<25 {
                            let name = try Reference("w\(worker):\(number)")
                            try store.setName(name, to: descriptor)
                            // A reader never sees half an index.
                            #expect(try store.names().contains { $0.reference == name })
                            if number % 5 == 0 { try store.removeName(name) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try fixture.store.names().count == 1 + 4 * 20)
            #expect(Files.names(in: fixture.path)?.contains { $0.hasPrefix(".") } == false)
        }
    }

    @Test func garbage() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let kept = try fixture.image("kept", layer: [1])
            let gone = try fixture.image("gone", layer: [2, 3])
            #expect(fixture.blobs.count == 6)
            try fixture.store.removeName(Reference("gone"))
            #expect(try fixture.store.collectGarbage(keepingYoungerThan: .seconds(3600)).blobs == 0)
            #expect(fixture.blobs.count == 6)
            let removed = try fixture.store.collectGarbage(keepingYoungerThan: .zero)
            #expect(removed.blobs == 3)
            #expect(removed.bytes == .bytes(gone.root.size + gone.config.size + 2))
            #expect(fixture.blobs == [kept.root, kept.config, kept.layer].map(\.digest.hex).sorted())
            #expect(fixture.unsynced == [kept.root, kept.config, kept.layer].map(\.digest.hex).sorted())
            #expect(try fixture.store.image(Reference("kept")) != nil)
            #expect(try fixture.store.collectGarbage(keepingYoungerThan: .zero).blobs == 0)
        }
    }

    /// What an index leads to lives; a document that makes no sense stops the collection.
    @Test func garbageBelowAnIndex() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            var root = try fixture.image("one", layer: [1]).root
            root.platform = .current
            let index = try fixture.document(ImageIndex(manifests: [root]), .imageIndex)
            let outer = try fixture.document(ImageIndex(manifests: [index]), .imageIndex)
            try fixture.store.setName(Reference("many"), to: outer)
            try fixture.store.removeName(Reference("one"))
            #expect(try fixture.store.collectGarbage(keepingYoungerThan: .zero).blobs == 0)
            let many = try #require(try fixture.store.image(Reference("many")))
            #expect(many.digest == outer.digest)
            #expect(many.manifestDigest == root.digest)
            #expect(
                imageErrorCode { _ = try fixture.store.image(Reference("many"), platform: Platform(architecture: "s390x")) }
                    == .noMatchingPlatform)

            try Files.write("{}", to: fixture.store.path(of: index.digest))
            #expect(imageErrorCode { try fixture.store.collectGarbage(keepingYoungerThan: .zero) } != nil)
            #expect(fixture.blobs.count == 5)
        }
    }
}
