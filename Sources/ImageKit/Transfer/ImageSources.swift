internal import AsyncHTTPClient
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import SystemPackage

/// An image of a registry.
struct RegistryImageSource: ImageSourceReader {
    let client: RegistryClient
    let reference: Reference
    var origin: Reference? { reference }

    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor) {
        try await client.manifest(reference, digest: reference.digest, allowsArtifacts: true)
    }

    func document(_ descriptor: Descriptor) async throws -> [UInt8]? {
        try await client.manifest(reference, digest: descriptor.digest, expected: descriptor, allowsArtifacts: true).bytes
    }

    func has(_ descriptor: Descriptor) async throws -> Bool { true }
    func region(_ descriptor: Descriptor) async throws -> FileRegion? { nil }

    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        let request = client.blobRequest(descriptor, reference)
        let subject = request.subject
        try await client.send(request) { response, touch in
            try RegistryClient.checkEncoding(response, subject)
            try await restart()
            for try await buffer in response.body {
                touch()
                try await receive(buffer)
            }
        }
    }
}

/// An image of a store.
struct StoredImageSource: ImageSourceReader {
    let store: ContentStore
    let reference: Reference
    /// Keeps what is read from being collected.
    let lease: ContentLease
    var origin: Reference?

    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor) {
        try await BlockingWork.run {
            guard var descriptor = try store.descriptor(for: reference), try store.claim(descriptor.digest, for: lease) else {
                throw ImageError(.notInStore, .reference(reference), "the store does not have it")
            }
            descriptor.annotations = nil
            return (try store.document(descriptor.digest), descriptor)
        }
    }

    func document(_ descriptor: Descriptor) async throws -> [UInt8]? {
        try await BlockingWork.run {
            try store.claim(descriptor.digest, for: lease) ? try store.document(descriptor.digest) : nil
        }
    }

    func has(_ descriptor: Descriptor) async throws -> Bool {
        try await BlockingWork.run { try store.claim(descriptor.digest, for: lease) }
    }

    func region(_ descriptor: Descriptor) async throws -> FileRegion? {
        try await BlockingWork.run {
            FileRegion(file: .init(try store.openBlob(descriptor.digest)), offset: 0, size: descriptor.size)
        }
    }

    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws { try await streamRegion(descriptor, restart, receive) }
}

/// An image of a layout, in a directory or in an archive.
struct LayoutImageSource: ImageSourceReader {
    let files: any LayoutFiles
    let entry: Descriptor
    var origin: Reference? { nil }

    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor) {
        guard let bytes = try await document(entry) else {
            throw ImageError(.notFound, files.subject, "it does not have its image \(entry.digest)")
        }
        return (bytes, entry)
    }

    func document(_ descriptor: Descriptor) async throws -> [UInt8]? {
        let files = files
        let bytes = try await BlockingWork.run { try files.bytes(DirectoryFiles.path(of: descriptor.digest)) }
        if let bytes, !BlobHash.matches(bytes, descriptor.digest) {
            throw ImageError(.digestMismatch, .blob(descriptor.digest), "the document in the layout has another digest")
        }
        return bytes
    }

    func has(_ descriptor: Descriptor) async throws -> Bool {
        let files = files
        return try await BlockingWork.run { try files.open(DirectoryFiles.path(of: descriptor.digest)) != nil }
    }

    func region(_ descriptor: Descriptor) async throws -> FileRegion? {
        let files = files
        return try await BlockingWork.run {
            guard let region = try files.open(DirectoryFiles.path(of: descriptor.digest)) else {
                throw ImageError(.notFound, .blob(descriptor.digest), "the layout does not have it")
            }
            guard region.size == descriptor.size else {
                throw ImageError(
                    region.size < descriptor.size ? .shortBody : .oversizedBody, .blob(descriptor.digest),
                    "it has \(region.size) bytes in the layout instead of \(descriptor.size)")
            }
            return region
        }
    }

    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws { try await streamRegion(descriptor, restart, receive) }
}

extension ImageSourceReader {
    func streamRegion(
        _ descriptor: Descriptor, _ restart: @Sendable () async throws -> Void, _ receive: @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        guard let region = try await region(descriptor) else { return }
        try await restart()
        for try await buffer in BlobBytes(region: region, range: 0..<region.size) { try await receive(buffer) }
    }
}

/// An image that `docker save` wrote, in the format it had before it was a layout too: `manifest.json`, layers as plain tar.
struct DockerArchiveSource: ImageSourceReader {
    struct Entry: Codable, Sendable {
        var config: String
        var tags: [String]?
        var layers: [String]

        private enum CodingKeys: String, CodingKey {
            case config = "Config"
            case tags = "RepoTags"
            case layers = "Layers"
        }
    }

    private let files: TarIndex
    private let manifest: [UInt8]
    private let descriptor: Descriptor
    private let paths: [Digest: String]
    var origin: Reference? { nil }

    static func entries(_ files: TarIndex) throws(ImageError) -> [Entry] {
        guard let bytes = try files.bytes("manifest.json") else {
            throw ImageError(.notFound, files.subject, "it is no archive of images: there is neither oci-layout nor manifest.json")
        }
        return try Document.decode([Entry].self, bytes, files.subject)
    }

    /// Hashes the layers, which such an archive does not name by their digests. Blocks.
    init(_ entry: Entry, in files: TarIndex) throws(ImageError) {
        self.files = files
        var paths: [Digest: String] = [:]
        guard let configuration = try files.bytes(entry.config), let digest = BlobHash.sha256(of: configuration) else {
            throw ImageError(.malformedDocument, files.subject, "there is no configuration \(entry.config)")
        }
        paths[digest] = entry.config
        guard entry.layers.count <= 10_000 else {
            throw ImageError(.malformedDocument, files.subject, "an image has more than 10,000 layers")
        }
        var layers: [Descriptor] = []
        for path in entry.layers {
            guard let region = try files.open(path) else {
                throw ImageError(.malformedDocument, files.subject, "there is no layer \(path)")
            }
            let (digest, type) = try Self.describe(region, path, files.subject)
            paths[digest] = path
            layers.append(Descriptor(mediaType: type, digest: digest, size: region.size))
        }
        self.paths = paths
        let config = Descriptor(mediaType: .imageConfiguration, digest: digest, size: Int64(configuration.count))
        let text = try Document.encode(ImageManifest(config: config, layers: layers), files.subject)
        manifest = Array(text.utf8)
        guard let own = BlobHash.sha256(of: manifest) else { throw ImageError(.malformedDocument, files.subject, "it cannot be hashed") }
        descriptor = Descriptor(mediaType: .imageManifest, digest: own, size: Int64(manifest.count))
    }

    private static func describe(_ region: FileRegion, _ path: String, _ subject: ImageError.Subject) throws(ImageError) -> (
        Digest, MediaType
    ) {
        var hash = BlobHash(.sha256)
        var type = MediaType.layer
        var offset: Int64 = 0
        while offset < region.size {
            let buffer: ByteBuffer
            do throws(Errno) { buffer = try region.read(at: offset, 1 << 20) } catch {
                throw ImageErrorAdvice.error(error, subject, "the layer \(path) cannot be read")
            }
            if offset == 0 {
                if buffer.readableBytesView.starts(with: [0x1f, 0x8b]) { type = .layerGzip }
                if buffer.readableBytesView.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) { type = .layerZstd }
            }
            buffer.withUnsafeReadableBytes { hash.update($0) }
            offset += Int64(buffer.readableBytes)
        }
        guard let digest = hash.digest else { throw ImageError(.malformedDocument, subject, "a layer cannot be hashed") }
        return (digest, type)
    }

    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor) { (manifest, descriptor) }
    func document(_ descriptor: Descriptor) async throws -> [UInt8]? { nil }
    func has(_ descriptor: Descriptor) async throws -> Bool { paths[descriptor.digest] != nil }

    func region(_ descriptor: Descriptor) async throws -> FileRegion? {
        guard let path = paths[descriptor.digest], let region = try files.open(path) else {
            throw ImageError(.notFound, .blob(descriptor.digest), "the archive does not have it")
        }
        return region
    }

    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws { try await streamRegion(descriptor, restart, receive) }
}
