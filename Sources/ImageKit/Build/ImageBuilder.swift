internal import Crypto
internal import LinuxSystem
public import OCIModel
internal import SystemPackage

/// Makes an image from Swift, without a Dockerfile: a base or nothing, layers on it, and a configuration.
///
/// ```swift
/// var builder = ImageBuilder(base: alpine)
/// try builder.layer { try $0.file("app/run", program, mode: 0o755) }
/// builder.configuration.entrypoint = ["/app/run"]
/// let image = try await builder.build(in: store, as: Reference("team/app:1"))
/// ```
/// The same input gives the same digests.
public struct ImageBuilder: Sendable {
    private enum Layer: Sendable {
        case contents(LayerContents)
        case archive(@Sendable ((_ bytes: [UInt8]) throws(ImageError) -> Void) throws(ImageError) -> Void)
    }

    private let base: Image?
    private var layers: [Layer] = []
    /// How a container of the image runs; the base's by default.
    public var configuration: ImageConfiguration.Execution
    /// What the image is made for; the base's, else this machine's.
    public var platform: Platform
    /// How the new layers are stored. gzip by default.
    public var compression = LayerCompression.gzip
    /// RFC 3339; `1970-01-01T00:00:00Z` by default, so that the same input gives the same image.
    public var created = "1970-01-01T00:00:00Z"
    /// Who made it.
    public var author: String?
    /// Annotations of the manifest.
    public var annotations: [String: String]?

    /// - Parameter base: an image of the store that the result goes into; nil is an empty one.
    public init(base: Image? = nil) {
        self.base = base
        configuration = base?.configuration.config ?? .init()
        platform =
            base.map { Platform(os: $0.configuration.os, architecture: $0.configuration.architecture, variant: $0.configuration.variant) }
            ?? .current
    }

    /// One more layer.
    public mutating func layer(_ fill: (inout LayerContents) throws -> Void) rethrows {
        var contents = LayerContents()
        try fill(&contents)
        layers.append(.contents(contents))
    }

    /// One more layer.
    public mutating func layer(_ contents: LayerContents) { layers.append(.contents(contents)) }

    /// One more layer, as an archive.
    /// - Parameter write: hands the bytes of a tar archive to its argument, in order. Called when the image is built, where it may block.
    package mutating func layer(
        archive write: @escaping @Sendable (_ sink: (_ bytes: [UInt8]) throws(ImageError) -> Void) throws(ImageError) -> Void
    ) { layers.append(.archive(write)) }

    /// Writes the layers, the configuration and the manifest, and gives the image its name.
    ///
    /// - Returns: the image.
    /// - Throws: `.notInStore` when the base is not in this store; what reading and writing throws.
    public func build(in store: ContentStore, as reference: Reference) async throws(ImageError) -> Image {
        do {
            return try await BlockingWork.run { try self.built(in: store, as: reference) }
        } catch let error as ImageError { throw error } catch {
            throw ImageError(.cancelled, .reference(reference), "the task was cancelled", cause: error)
        }
    }

    private func built(in store: ContentStore, as reference: Reference) throws(ImageError) -> Image {
        let lease = try store.lease()
        defer { lease.end() }
        var descriptors = (base?.manifest.layers ?? []).map { layer in
            var layer = layer
            layer.mediaType = Self.ociType(layer.mediaType)
            return layer
        }
        for blob in descriptors where try !store.claim(blob.digest, for: lease) {
            throw ImageError(.notInStore, .blob(blob.digest), "the store does not have this layer of the base")
        }
        var diffIDs = base?.configuration.rootfs.diffIDs ?? []
        var history = base?.configuration.history ?? []
        for layer in layers {
            let (descriptor, diffID) = try write(layer, into: store, lease, reference)
            descriptors.append(descriptor)
            diffIDs.append(diffID)
            var entry = ImageConfiguration.History()
            entry.created = created
            entry.createdBy = "container-kit"
            history.append(entry)
        }
        var result = ImageConfiguration(
            architecture: platform.architecture, os: platform.os, config: configuration, rootfs: .init(diffIDs: diffIDs))
        result.variant = platform.variant
        result.created = created
        result.author = author ?? base?.configuration.author
        if !history.isEmpty { result.history = history }
        let config = try put(result, .imageConfiguration, store, lease)
        var manifest = ImageManifest(config: config, layers: descriptors)
        manifest.annotations = annotations
        let root = try put(manifest, .imageManifest, store, lease)
        try store.sync(descriptors.map(\.digest) + [config.digest, root.digest])
        try store.setName(reference, to: root)
        return Image(reference: reference, digest: root.digest, manifestDigest: root.digest, manifest: manifest, configuration: result)
    }

    /// A manifest of the specification does not list Docker's types.
    private static func ociType(_ type: MediaType) -> MediaType {
        switch type {
        case .dockerLayer: .layer
        case .dockerLayerGzip: .layerGzip
        case .dockerLayerZstd: .layerZstd
        default: type
        }
    }

    private func put(
        _ document: some Encodable, _ type: MediaType, _ store: ContentStore, _ lease: ContentLease
    ) throws(ImageError) -> Descriptor {
        let bytes = Array(try Document.encode(document, .path(store.path)).utf8)
        guard let digest = BlobHash.sha256(of: bytes) else {
            throw ImageError(.malformedDocument, .path(store.path), "a document cannot be hashed")
        }
        let descriptor = Descriptor(mediaType: type, digest: digest, size: Int64(bytes.count))
        try store.put(bytes, descriptor, for: lease)
        return descriptor
    }

    /// A layer's name is known only when it is written: then it is moved to it.
    private func write(
        _ layer: Layer, into store: ContentStore, _ lease: ContentLease, _ reference: Reference
    ) throws(ImageError) -> (Descriptor, OCIModel.Digest) {
        guard let compressor = LayerCompressor(compression) else {
            throw ImageError(.storeUnusable, .reference(reference), "there is no memory to compress a layer")
        }
        let ingest = try UnnamedIngest(in: store)
        var diff = BlobHash(.sha256)
        var pending: [UInt8] = []
        func flush(isLast: Bool) throws(ImageError) {
            pending.withUnsafeBytes { diff.update($0) }
            guard let compressed = compressor.compress(pending, isLast: isLast) else {
                throw ImageError(.storeUnusable, .reference(reference), "a layer cannot be compressed")
            }
            try ingest.write(compressed)
            pending = []
        }
        func add(_ bytes: [UInt8]) throws(ImageError) {
            pending += bytes
            if pending.count >= 1 << 20 { try flush(isLast: false) }
        }
        switch layer {
        case .contents(let contents): try contents.write { bytes throws(ImageError) in try add(bytes) }
        case .archive(let write): try write { bytes throws(ImageError) in try add(bytes) }
        }
        try flush(isLast: true)
        guard let diffID = diff.digest else { throw ImageError(.storeUnusable, .reference(reference), "a layer cannot be hashed") }
        return (try ingest.finish(compression.mediaType, for: lease), diffID)
    }
}
