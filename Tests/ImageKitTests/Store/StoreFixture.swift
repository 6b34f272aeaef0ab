import OCIModel
import SystemPackage
import TestSupport

@testable import ImageKit

/// A store in a directory of its own, and blobs for it.
struct StoreFixture {
    let directory: FilePath
    let store: ContentStore
    var path: FilePath { store.path }

    init(_ cleanup: Cleanup, durability: ContentStore.Durability = .none) throws {
        directory = try cleanup.directory("store")
        store = try ContentStore(at: directory.appending("content"), durability: durability)
    }

    static func descriptor(_ bytes: [UInt8], _ type: MediaType = .layer, size: Int? = nil) throws -> Descriptor {
        Descriptor(mediaType: type, digest: try Digest("sha256:\(TestImage.hex(bytes))"), size: Int64(size ?? bytes.count))
    }

    /// Stores bytes as a download does, in pieces.
    static func ingest(_ bytes: [UInt8], _ descriptor: Descriptor, into store: ContentStore) throws {
        let ingest = try BlobIngest(descriptor, into: store)
        for start in stride(from: 0, to: bytes.count, by: 1000) {
            try bytes[start..<min(start + 1000, bytes.count)].withUnsafeBytes { try ingest.write($0) }
        }
        try ingest.finish()
    }

    func ingest(_ bytes: [UInt8], _ descriptor: Descriptor) throws { try Self.ingest(bytes, descriptor, into: store) }

    /// An image of one layer under a name, put there by hand.
    @discardableResult
    func image(_ name: String, layer: [UInt8]) throws -> (root: Descriptor, config: Descriptor, layer: Descriptor) {
        let layerDescriptor = try Self.descriptor(layer)
        try store.put(layer, layerDescriptor, for: store.lease())
        let configuration = ImageConfiguration(architecture: TestImage.hostArchitecture, rootfs: .init(diffIDs: [layerDescriptor.digest]))
        let config = try document(configuration, .imageConfiguration)
        let root = try document(ImageManifest(config: config, layers: [layerDescriptor]), .imageManifest)
        try store.setName(Reference(name), to: root)
        return (root, config, layerDescriptor)
    }

    func document(_ value: some Encodable, _ type: MediaType) throws -> Descriptor {
        let bytes = Array(try Document.encode(value, .path(path)).utf8)
        let descriptor = try Self.descriptor(bytes, type)
        try store.put(bytes, descriptor, for: store.lease())
        return descriptor
    }

    /// Names of the blobs on disk.
    var blobs: [String] { Files.names(in: path.appending("blobs/sha256")) ?? [] }
    var ingests: [String] { Files.names(in: path.appending("ingest")) ?? [] }
    var unsynced: [String] { Files.names(in: path.appending("unsynced")) ?? [] }
}

/// The code of the error that `body` throws; nil when it throws none, or another kind.
func imageErrorCode(_ body: () throws -> Void) -> ImageError.Code? {
    do { try body() } catch { return (error as? ImageError)?.code }
    return nil
}
