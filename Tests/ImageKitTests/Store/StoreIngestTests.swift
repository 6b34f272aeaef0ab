import LinuxSystem
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Content store: blobs on their way in") struct StoreIngestTests {
    static let bytes = (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

    @Test func aVerifiedBlobCanBeRead() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let descriptor = try StoreFixture.descriptor(Self.bytes)
            #expect(!fixture.store.contains(descriptor.digest))
            try fixture.ingest(Self.bytes, descriptor)
            #expect(fixture.store.contains(descriptor.digest))
            #expect(try fixture.store.openBlob(descriptor.digest).readAll(limit: 10_000) == Self.bytes)
            #expect(fixture.ingests == [])
            // Once more, as a second program that pulled the same at the same time.
            try fixture.ingest(Self.bytes, descriptor)
            #expect(fixture.blobs == [descriptor.digest.hex])
        }
    }

    @Test func sha512() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let hex = try Command.run("sha512sum", input: Self.bytes).standardOutput.prefix(128)
            var descriptor = Descriptor(mediaType: .layer, digest: try Digest("sha512:\(hex)"), size: 5000)
            try fixture.ingest(Self.bytes, descriptor)
            #expect(fixture.store.contains(descriptor.digest))
            #expect(Files.names(in: fixture.path.appending("blobs/sha512")) == [String(hex)])
            descriptor.digest = try Digest("sha512:" + String(repeating: "0", count: 128))
            #expect(imageErrorCode { try fixture.ingest(Self.bytes, descriptor) } == .digestMismatch)
        }
    }

    static let faults: [(String, Int, [UInt8], ImageError.Code)] = [
        ("one byte short", 5000, Array(bytes.dropLast()), .shortBody),
        ("nothing", 5000, [], .shortBody),
        ("one byte too many", 5000, bytes + [0], .oversizedBody),
        ("another byte", 5000, bytes.dropLast() + [0], .digestMismatch),
        ("a size that is too small", 4999, bytes, .oversizedBody),
        ("a size that is too large", 5001, bytes, .shortBody),
        ("a negative size", -1, bytes, .oversizedBody),
    ]

    @Test(arguments: faults) func refused(_ name: String, _ size: Int, _ content: [UInt8], _ code: ImageError.Code) async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let descriptor = try StoreFixture.descriptor(Self.bytes, size: size)
            let error = #expect(throws: ImageError.self) { try fixture.ingest(content, descriptor) }
            #expect(error?.code == code)
            #expect(error?.subject == .blob(descriptor.digest))
            #expect(!fixture.store.contains(descriptor.digest))
            #expect(fixture.blobs == [])
            #expect(fixture.ingests == [])
            #expect(fixture.unsynced == [])
        }
    }

    @Test func whatIsNotFinishedIsRemoved() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            do {
                let ingest = try BlobIngest(StoreFixture.descriptor(Self.bytes), into: fixture.store)
                try Self.bytes.withUnsafeBytes { try ingest.write($0) }
                #expect(fixture.ingests.count == 1)
            }
            #expect(fixture.ingests == [])
            #expect(fixture.blobs == [])
        }
    }

    @Test func aMissingBlob() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let digest = try StoreFixture.descriptor(Self.bytes).digest
            #expect(imageErrorCode { _ = try fixture.store.openBlob(digest) } == .notInStore)
            // Never through a link that somebody planted.
            try Command.run("ln", "-s", "/etc/passwd", fixture.path.appending("blobs/sha256/\(digest.hex)").string)
            #expect(imageErrorCode { _ = try fixture.store.openBlob(digest) } == .storeUnusable)
        }
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func aFullDisk() async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("full")
            let left = try await SmallFileSystem.with(size: 256 << 10, at: directory) {
                let store = try ContentStore(at: directory.appending("content"), durability: .perImage)
                let large = [UInt8](repeating: 7, count: 1 << 20)
                let descriptor = try StoreFixture.descriptor(large)
                let error = #expect(throws: ImageError.self) { try StoreFixture.ingest(large, descriptor, into: store) }
                #expect(error?.code == .storageFull)
                #expect(error?.errno == .noSpace)
                #expect(error?.description.contains("Free space") == true)
                #expect(!store.contains(descriptor.digest))
                // What was written of it is free again, and a smaller one fits.
                let small = [UInt8](repeating: 8, count: 100 << 10)
                try StoreFixture.ingest(small, StoreFixture.descriptor(small), into: store)
                return Files.names(in: store.path.appending("ingest"))
            }
            #expect(left == [])
        }
    }

    /// The name of an image needs a few bytes too: without them the old index stays.
    @Test(.needsRoot, .tags(.privileged), .leakChecked) func aFullDiskKeepsTheIndex() async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("full")
            try await SmallFileSystem.with(size: 256 << 10, at: directory) {
                let store = try ContentStore(at: directory.appending("content"), durability: .none)
                let descriptor = try StoreFixture.descriptor([1], .imageManifest)
                try store.setName(Reference("first"), to: descriptor)
                _ = try? Files.write([UInt8](repeating: 0, count: 1 << 20), to: directory.appending("filler"))
                #expect(imageErrorCode { try store.setName(Reference("second"), to: descriptor) } == .storageFull)
                #expect(try store.names().map(\.reference.familiar) == ["first"])
                #expect(Files.names(in: store.path)?.contains { $0.hasPrefix(".") } == false)
            }
        }
    }
}
