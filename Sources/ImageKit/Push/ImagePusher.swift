internal import NIOCore
public import OCIModel

/// Puts images and artifacts into registries.
public struct ImagePusher: Sendable {
    private let client: RegistryClient
    /// Bytes of a piece of an upload; nil, the default, sends each blob in one request.
    public var uploadChunk: ByteCount?

    public init(client: RegistryClient) { self.client = client }

    /// Pushes an image of a store.
    ///
    /// Blobs that the repository has are not sent; those of another repository of the same registry are mounted.
    /// - Parameters:
    ///   - name: its name in the store.
    ///   - store: where it is.
    ///   - destination: its name in the registry; nil is the same.
    ///   - platforms: which of an index; all that the store has by default.
    ///   - progress: told of what happens; it ends with the push.
    /// - Returns: what the name in the registry points at.
    @discardableResult
    public func push(
        _ name: Reference, of store: ContentStore, to destination: Reference? = nil, platforms: PlatformSelection = .available,
        progress: TransferEvents? = nil
    ) async throws(ImageError) -> Descriptor {
        var copier = ImageCopier(client: client)
        copier.uploadChunk = uploadChunk
        return try await copier.copy(
            from: .store(store, name), to: .registry(destination ?? name), platforms: platforms, progress: progress)
    }

    /// Pushes something that is no image: a signature, a bill of materials, a file.
    ///
    /// - Parameters:
    ///   - artifact: its files and what it refers to.
    ///   - reference: its name; without a tag it is found by its digest, and as a referrer.
    /// - Returns: its manifest.
    @discardableResult
    public func push(_ artifact: Artifact, to reference: Reference) async throws(ImageError) -> Descriptor {
        let subject = ImageError.Subject.reference(reference)
        let config = Descriptor(mediaType: .empty, digest: try Artifact.emptyDigest(subject), size: 2)
        var blobs: [(descriptor: Descriptor, bytes: [UInt8])] = [(config, Array("{}".utf8))]
        for file in artifact.files {
            guard let digest = BlobHash.sha256(of: file.bytes) else { throw ImageError(.malformedDocument, subject, "it cannot be hashed") }
            let descriptor = Descriptor(
                mediaType: file.mediaType, digest: digest, size: Int64(file.bytes.count), annotations: file.annotations)
            blobs.append((descriptor, file.bytes))
        }
        var layers = blobs.dropFirst().map(\.descriptor)
        // A manifest has at least one layer: the empty one.
        if layers.isEmpty { layers = [config] }
        var manifest = ImageManifest(config: config, layers: layers)
        manifest.artifactType = artifact.type
        manifest.subject = artifact.subject
        manifest.annotations = artifact.annotations
        let text = Array(try Document.encode(manifest, subject).utf8)
        guard let digest = BlobHash.sha256(of: text) else { throw ImageError(.malformedDocument, subject, "it cannot be hashed") }
        let root = Descriptor(mediaType: .imageManifest, digest: digest, size: Int64(text.count))
        let destination = RegistryImageDestination(client: client, reference: reference, chunk: uploadChunk?.rawValue)
        let source = MemorySource(blobs: Dictionary(blobs.map { ($0.descriptor.digest, $0.bytes) }, uniquingKeysWith: { $1 }))
        let all = blobs
        return try await client.typed(subject) {
            for blob in all { try await destination.put(blob.descriptor, from: source) { _ in } }
            if reference.tag == nil {
                let own = try? Reference(registry: reference.registry, repository: reference.repository, digest: digest)
                try await RegistryImageDestination(client: client, reference: own ?? reference).finish(text, root)
            } else {
                try await destination.finish(text, root)
            }
            return root
        }
    }

    /// An artifact's manifest and files.
    /// - Parameters:
    ///   - reference: its name in the registry.
    ///   - limit: bytes of one file; 64 MiB by default.
    public func artifact(_ reference: Reference, limit: ByteCount = .mebibytes(64)) async throws(ImageError) -> Artifact {
        let client = client
        return try await client.typed(.reference(reference)) {
            let (bytes, descriptor) = try await client.manifest(reference, digest: reference.digest, allowsArtifacts: true)
            guard
                case .manifest(let manifest) = try ManifestDocument(
                    bytes, type: descriptor.mediaType, .reference(reference), allowsArtifacts: true)
            else { throw ImageError(.unsupportedMediaType, .reference(reference), "it is an index, not an artifact") }
            var artifact = Artifact(type: manifest.artifactType ?? manifest.config.mediaType)
            artifact.subject = manifest.subject
            artifact.annotations = manifest.annotations
            for layer in manifest.layers where layer.mediaType != .empty {
                guard layer.size >= 0, layer.size <= limit.rawValue else {
                    throw ImageError(.oversizedBody, .blob(layer.digest), "it is larger than \(limit)")
                }
                let bytes = try await client.send(client.blobRequest(layer, reference)) { response, touch in
                    try await RegistryClient.body(of: response, limit: Int(layer.size), .blob(layer.digest), touch)
                }
                guard BlobHash.matches(bytes, layer.digest) else {
                    throw ImageError(.digestMismatch, .blob(layer.digest), "what came has another digest")
                }
                artifact.files.append(.init(bytes, mediaType: layer.mediaType, annotations: layer.annotations))
            }
            return artifact
        }
    }
}

/// Something in a registry that is no image. See: image-spec 1.1, manifest.md, "Guidelines for Artifact Usage".
public struct Artifact: Sendable, Hashable {
    /// One of its files.
    public struct File: Sendable, Hashable {
        public var bytes: [UInt8]
        public var mediaType: MediaType
        public var annotations: [String: String]?

        public init(_ bytes: [UInt8], mediaType: MediaType, annotations: [String: String]? = nil) {
            self.bytes = bytes
            self.mediaType = mediaType
            self.annotations = annotations
        }
    }

    /// What kind of thing it is: `application/spdx+json`, …
    public var type: MediaType
    public var files: [File] = []
    /// The manifest that it is about: it is then found as one of its referrers.
    public var subject: Descriptor?
    public var annotations: [String: String]?

    public init(type: MediaType, files: [File] = [], subject: Descriptor? = nil) {
        self.type = type
        self.files = files
        self.subject = subject
    }

    /// Of `{}`.
    static func emptyDigest(_ subject: ImageError.Subject) throws(ImageError) -> Digest {
        guard let digest = BlobHash.sha256(of: Array("{}".utf8)) else {
            throw ImageError(.malformedDocument, subject, "it cannot be hashed")
        }
        return digest
    }
}

/// Blobs in memory.
private struct MemorySource: ImageSourceReader {
    let blobs: [Digest: [UInt8]]
    var origin: Reference? { nil }

    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor) { throw CancellationError() }
    func document(_ descriptor: Descriptor) async throws -> [UInt8]? { blobs[descriptor.digest] }
    func has(_ descriptor: Descriptor) async throws -> Bool { blobs[descriptor.digest] != nil }
    func region(_ descriptor: Descriptor) async throws -> FileRegion? { nil }

    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws {
        try await restart()
        try await receive(ByteBuffer(bytes: blobs[descriptor.digest] ?? []))
    }
}
