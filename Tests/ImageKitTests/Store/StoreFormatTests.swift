import Glibc
import LinuxSystem
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Content store: its directory") struct StoreFormatTests {
    @Test func isAnImageLayout() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            #expect(try Files.text(fixture.path.appending("oci-layout")) == #"{"imageLayoutVersion":"1.0.0"}"#)
            #expect(try Files.text(fixture.path.appending("format")) == "1\n")
            // Layers of private images are nobody else's business.
            var status = stat()
            #expect(stat(fixture.path.string, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
            // Opening it again changes nothing.
            try fixture.image("a", layer: [1])
            let again = try ContentStore(at: fixture.path, durability: .none)
            #expect(try again.names().map(\.reference.familiar) == ["a"])
        }
    }

    @Test(arguments: ["2\n", "999999999999999999999\n", "x", ""]) func newerFormatIsRefused(_ text: String) async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            try Files.write(text, to: fixture.path.appending("format"))
            #expect(imageErrorCode { _ = try ContentStore(at: fixture.path, durability: .none) } == .storeTooNew)
        }
    }

    @Test func missingParent() async throws {
        try await withCleanup { cleanup in
            let path = try cleanup.directory().appending("missing/content")
            let error = #expect(throws: ImageError.self) { try ContentStore(at: path) }
            #expect(error?.errno == .noSuchFileOrDirectory)
            #expect(error?.description.contains(path.string) == true)
        }
    }

    @Test func aFileInItsPlace() async throws {
        try await withCleanup { cleanup in
            let path = try cleanup.directory().appending("content")
            try Files.write("", to: path)
            #expect(imageErrorCode { _ = try ContentStore(at: path) } == .storeUnusable)
        }
    }

    @Test func damagedIndexIsReportedAndKept() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let index = fixture.path.appending("index.json")
            try Files.write("{", to: index)
            #expect(imageErrorCode { _ = try fixture.store.names() } == .malformedDocument)
            #expect(imageErrorCode { try fixture.store.removeName(Reference("a")) } == .malformedDocument)
            #expect(imageErrorCode { try fixture.store.collectGarbage(keepingYoungerThan: .zero) } == .malformedDocument)
            #expect(try Files.text(index) == "{")
        }
    }

    /// A download belongs to whoever holds its lock; without one, its program has died.
    @Test func downloadsOfTheDeadAreRemoved() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let living = try BlobIngest(StoreFixture.descriptor([1, 2]), into: fixture.store)
            try Files.write("half", to: fixture.path.appending("ingest/dead"))
            #expect(fixture.ingests.count == 2)
            _ = try ContentStore(at: fixture.path, durability: .none)
            #expect(fixture.ingests.count == 1)
            try [UInt8]([1, 2]).withUnsafeBytes { try living.write($0) }
            try living.finish()
            #expect(fixture.ingests == [])
            #expect(fixture.blobs == [TestImage.hex([1, 2])])
        }
    }

    /// Downloads begin while others open the store: none is taken for one of the dead.
    @Test func openingDoesNotDisturbDownloads() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let path = fixture.path
            let store = fixture.store
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for _ in 0..<300 { _ = try ContentStore(at: path, durability: .none) } }
                for worker in 0..<2 {
                    group.addTask {
                        for number in 0..<300 {
                            let bytes = Array("\(worker) \(number)".utf8)
                            try StoreFixture.ingest(bytes, StoreFixture.descriptor(bytes), into: store)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(fixture.blobs.count == 600)
            #expect(fixture.ingests == [])
        }
    }
}
