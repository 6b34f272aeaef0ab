import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Content store: import of layouts, and what other programs read") struct StoreImportTests {
    private static let reference = "team/app:1"

    private func layout(_ cleanup: Cleanup, tag: String = "test") throws -> TestImage.Written {
        try TestImage(layers: [TarArchive().finished(), Array("second".utf8)]).write(layout: cleanup.directory("layout"), tag: tag)
    }

    @Test func imports() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup, durability: .perImage)
            let written = try layout(cleanup)
            let reference = try Reference(Self.reference)
            let image = try fixture.store.importLayout(written.layout, as: reference)
            #expect(image.digest.description == written.manifest)
            #expect(image.id.description == written.configuration)
            #expect(image.manifest.layers.map(\.digest.description) == written.layers)
            #expect(image.configuration.rootfs.diffIDs.map(\.description) == written.diffIDs)
            #expect(try fixture.store.image(reference) == image)
            #expect(fixture.unsynced == [])
            #expect(fixture.ingests == [])
            // The tag of the layout is not kept beside the new name.
            let annotations = try #require(try fixture.store.descriptor(for: reference)?.annotations)
            #expect(annotations["org.opencontainers.image.ref.name"] == "1")
        }
    }

    @Test func theTagDecides() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let first = try layout(cleanup, tag: "one")
            var other = TestImage(layers: [Array("other".utf8)])
            other.user = "app"
            let second = try other.write(layout: first.layout, tag: "two")
            let reference = try Reference(Self.reference)
            #expect(imageErrorCode { _ = try fixture.store.importLayout(first.layout, as: reference) } == .ambiguousManifest)
            #expect(imageErrorCode { _ = try fixture.store.importLayout(first.layout, tag: "three", as: reference) } == .notFound)
            #expect(try fixture.store.importLayout(first.layout, tag: "two", as: reference).digest.description == second.manifest)
            #expect(try fixture.store.importLayout(first.layout, tag: "one", as: reference).digest.description == first.manifest)
        }
    }

    @Test func noLayout() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let empty = try cleanup.directory("empty")
            #expect(imageErrorCode { _ = try fixture.store.importLayout(empty, as: Reference(Self.reference)) } == .notFound)
            try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: empty.appending("oci-layout"))
            #expect(imageErrorCode { _ = try fixture.store.importLayout(empty, as: Reference(Self.reference)) } == .notFound)
            try Files.write("[]", to: empty.appending("index.json"))
            #expect(imageErrorCode { _ = try fixture.store.importLayout(empty, as: Reference(Self.reference)) } == .malformedDocument)
        }
    }

    enum Damage: String, CaseIterable {
        case changed, short, long, missing, link
    }

    /// Each blob of a layout, damaged in each way: an error that names it, and no name in the store.
    @Test(arguments: Damage.allCases, [0, 1, 2]) func damage(_ damage: Damage, _ which: Int) async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let written = try layout(cleanup)
            let digest = try Digest([written.manifest, written.configuration, written.layers[1]][which])
            let path = written.layout.appending("blobs/sha256/\(digest.hex)")
            var bytes = try Files.read(path)
            let code: ImageError.Code
            switch damage {
            case .changed:
                bytes[bytes.count / 2] ^= 1
                code = .digestMismatch
            case .short:
                bytes.removeLast()
                code = .shortBody
            case .long:
                bytes.append(0)
                code = .oversizedBody
            case .missing, .link: code = damage == .missing ? .notFound : .malformedDocument
            }
            if damage == .missing || damage == .link {
                try Command.run("mv", path.string, path.string + ".moved")
                if damage == .link { try Command.run("ln", "-s", path.string + ".moved", path.string) }
            } else {
                try Files.write(bytes, to: path)
            }
            let error = #expect(throws: ImageError.self) {
                try fixture.store.importLayout(written.layout, as: Reference(Self.reference))
            }
            #expect(error?.code == code)
            #expect(error?.subject == .blob(digest))
            #expect(try fixture.store.names().isEmpty)
            #expect(!fixture.store.contains(digest))
            #expect(fixture.ingests == [])
        }
    }

    /// An index that calls a large blob of the store a small manifest.
    @Test func aLayerIsNoManifest() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let layer = [UInt8](repeating: 0x20, count: (4 << 20) + 1)
            let descriptor = try StoreFixture.descriptor(layer)
            try fixture.store.put(layer, descriptor, for: fixture.store.lease())
            let directory = try cleanup.directory("layout")
            try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: directory.appending("oci-layout"))
            try Files.write(
                #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.imageManifest)","digest":"\#(descriptor.digest)","size":9}]}"#,
                to: directory.appending("index.json"))
            let error = #expect(throws: ImageError.self) { try fixture.store.importLayout(directory, as: Reference(Self.reference)) }
            #expect(error?.code == .oversizedBody)
            #expect(error?.subject == .blob(descriptor.digest))
        }
    }

    @Test(.needsPrograms("skopeo")) func skopeoReadsTheStore() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            let written = try TestImage.layered(3).write(layout: cleanup.directory("layout"), tag: "test")
            _ = try fixture.store.importLayout(written.layout, as: Reference(Self.reference))
            let copied = try cleanup.directory("copied")
            try Command.run("skopeo", "copy", "--quiet", "--insecure-policy", "oci:\(fixture.path):1", "dir:\(copied)")
            for digest in written.layers { #expect(Files.exists(copied.appending(String(digest.dropFirst(7))))) }
            #expect(TestImage.hex(try Files.read(copied.appending("manifest.json"))) == String(written.manifest.dropFirst(7)))
        }
    }

    @Test(.needsPrograms("umoci")) func umociReadsTheStore() async throws {
        try await withCleanup { cleanup in
            let fixture = try StoreFixture(cleanup)
            _ = try fixture.store.importLayout(layout(cleanup).layout, as: Reference(Self.reference))
            #expect(try Command.run("umoci", "ls", "--layout", fixture.path.string).standardOutput == "1\n")
        }
    }
}
