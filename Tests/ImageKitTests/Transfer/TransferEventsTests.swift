import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

/// Progress as a sequence: bounded, complete at its end, and ended with its transfer.
@Suite("Progress of transfers") struct TransferEventsTests {
    private func digest(_ number: Int) throws -> Digest { try Digest("sha256:\(TestImage.hex([UInt8(number)]))") }

    private func all(_ events: TransferEvents) async -> [TransferProgress] {
        var all: [TransferProgress] = []
        for await event in events { all.append(event) }
        return all
    }

    @Test("a reader that comes late gets the newest state of each blob, in order") func bounded() async throws {
        let events = TransferEvents()
        let (one, two) = (try digest(1), try digest(2))
        events.note(.started(one, blobs: []))
        for count in 0..<100_000 {
            events.note(.blob(one, .moved(Int64(count), of: 100_000)))
            events.note(.blob(two, .moved(Int64(count), of: 100_000)))
        }
        events.note(.blob(two, .done))
        events.note(.done(one))
        events.finish()
        let expected: [TransferProgress] = [
            .started(one, blobs: []), .blob(one, .transferring(.bytes(99_999), of: .bytes(100_000))), .blob(two, .done), .done(one),
        ]
        #expect(await all(events) == expected)
        #expect(await all(events).isEmpty)
    }

    @Test("a reader that waits gets each state") func each() async throws {
        let events = TransferEvents()
        let one = try digest(1)
        async let read = all(events)
        let states: [TransferProgress.BlobState] = [.waiting, .moved(1, of: 2), .moved(2, of: 2), .unpacking, .done]
        #expect(states[2] == .verifying)
        for state in states {
            // The reader takes it before the next comes.
            try await Task.sleep(for: .milliseconds(20))
            events.note(.blob(one, state))
        }
        events.finish()
        #expect(await read.last == .blob(one, .done))
    }

    @Test("a cancelled reader ends, and so does one whose transfer fails") func ends() async throws {
        let events = TransferEvents()
        let reader = Task { await all(events) }
        try await Task.sleep(for: .milliseconds(20))
        reader.cancel()
        #expect(await reader.value.isEmpty)
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, .status(404))
            let events = TransferEvents()
            async let read = all(events)
            await #expect(throws: ImageError.self) { _ = try await fixture.puller.pull(fixture.reference, progress: events) }
            let reference = try fixture.reference
            #expect(await read == [.resolving(reference)])
        }
    }

    @Test("save, load and import tell of each blob, which ends in the store") func archives() async throws {
        try await withPullFixture { fixture in
            let (image, reference) = (try await fixture.pull().image, try fixture.reference)
            let blobs = Set(([image.manifest.config] + image.manifest.layers).map(\.digest))
            let archive = fixture.directory.appending("archive.tar")
            let copier = ImageCopier(client: nil)
            let saved = try await collectingEvents { try await copier.save([reference], of: fixture.store, to: archive, progress: $0) }
            #expect(ends(saved.events) == blobs.reduce(into: [:]) { $0[$1] = .done })
            let second = try ContentStore(at: fixture.directory.appending("second"), durability: .none)
            let loaded = try await collectingEvents { try await copier.load(archive, into: second, progress: $0) }
            #expect(ends(loaded.events) == blobs.reduce(into: [:]) { $0[$1] = .done })
            #expect(loaded.events.last == .done(image.manifestDigest))
            let again = try await collectingEvents { try await copier.load(archive, into: second, progress: $0) }
            #expect(ends(again.events) == blobs.reduce(into: [:]) { $0[$1] = .alreadyPresent })
            let layout = fixture.directory.appending("layout")
            _ = try await copier.copy(from: .store(second, reference), to: .layout(layout, tag: "x"))
            let third = try ContentStore(at: fixture.directory.appending("third"), durability: .none)
            let imported = try await collectingEvents { try third.importLayout(layout, tag: "x", as: reference, progress: $0) }
            #expect(ends(imported.events) == blobs.reduce(into: [:]) { $0[$1] = .done })
        }
    }

    /// The last state of each blob.
    private func ends(_ events: [TransferProgress]) -> [Digest: TransferProgress.BlobState] {
        events.reduce(into: [:]) { if case .blob(let digest, let state) = $1 { $0[digest] = state } }
    }
}
