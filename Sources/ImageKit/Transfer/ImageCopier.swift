internal import NIOCore
public import OCIModel
public import SystemPackage

/// Copies images between registries, stores, layouts and archives; nothing is unpacked, every byte is verified.
public struct ImageCopier: Sendable {
    private let client: RegistryClient?
    /// Bytes of a piece of an upload; nil, the default, sends each blob in one request.
    public var uploadChunk: ByteCount?

    /// - Parameter client: for registries; nil where none is involved.
    public init(client: RegistryClient?) { self.client = client }

    /// Copies one image.
    ///
    /// - Parameters:
    ///   - source: where it is.
    ///   - destination: where it is to be; what has its name there loses it.
    ///   - platforms: which of an index; all that the source has by default.
    ///   - progress: told of what happens; it ends with the copy.
    /// - Returns: what the destination's name points at.
    /// - Throws: `ImageError`; `.cancelled` when the task is. Blobs that were verified stay.
    @discardableResult
    public func copy(
        from source: ImageLocation, to destination: ImageLocation, platforms: PlatformSelection = .available,
        progress: TransferEvents? = nil
    ) async throws(ImageError) -> Descriptor {
        defer { progress?.finish() }
        let progress = progress.note
        return try await typed(source.subject) {
            let reader = try await self.reader(source)
            let writer = try await self.writer(destination)
            let plan = try await CopyPlan(from: reader, platforms, source.subject)
            if let archive = writer as? ArchiveImageDestination {
                try await self.transfer(plan, from: reader, to: archive, progress)
                var names: [Reference] = []
                if case .archive(_, let name?) = destination { names = [try Self.reference(name, source.subject)] }
                try await archive.finish(plan.root.bytes, plan.root.descriptor, names: names)
                try await archive.close()
            } else {
                try await self.transfer(plan, from: reader, to: writer, progress)
                try await writer.finish(plan.root.bytes, plan.root.descriptor)
            }
            progress(.done(plan.root.descriptor.digest))
            return plan.root.descriptor
        }
    }

    /// Writes images of a store into one archive, as `docker save` does.
    /// - Parameters:
    ///   - names: the images' names in the store.
    ///   - store: where they are.
    ///   - path: the archive, which is replaced.
    ///   - platforms: which of an index; all that the store has by default.
    ///   - progress: told of what happens; it ends with the archive.
    public func save(
        _ names: [Reference], of store: ContentStore, to path: FilePath, platforms: PlatformSelection = .available,
        progress: TransferEvents? = nil
    ) async throws(ImageError) {
        defer { progress?.finish() }
        let progress = progress.note
        try await typed(.path(path)) {
            let archive = try await BlockingWork.run { try ArchiveImageDestination(path) }
            for name in names {
                let reader = try await self.reader(.store(store, name))
                let plan = try await CopyPlan(from: reader, platforms, .reference(name))
                try await self.transfer(plan, from: reader, to: archive, progress)
                try await archive.finish(plan.root.bytes, plan.root.descriptor, names: [name])
                progress(.done(plan.root.descriptor.digest))
            }
            try await archive.close()
        }
    }

    /// Takes over all images of an archive, as `docker load` does.
    /// - Parameters:
    ///   - path: the archive.
    ///   - store: where the images go.
    ///   - progress: told of what happens; it ends with the last image.
    /// - Returns: their names; the digest of one that has no name in the archive is its name, under `local/image`.
    public func load(
        _ path: FilePath, into store: ContentStore, progress: TransferEvents? = nil
    ) async throws(ImageError) -> [Reference] {
        defer { progress?.finish() }
        let progress = progress.note
        return try await typed(.path(path)) {
            let images = try await BlockingWork.run { try ArchiveContents(path).images() }
            var names: [Reference] = []
            for image in images {
                let plan = try await CopyPlan(from: image.source, .available, .path(path))
                var own = image.names
                if own.isEmpty {
                    own = [try Self.reference("local/image@\(plan.root.descriptor.digest)", .path(path))]
                }
                for name in own {
                    let lease = try await BlockingWork.run { try store.lease() }
                    let writer = StoredImageDestination(store, name, lease, nil)
                    try await self.transfer(plan, from: image.source, to: writer, progress)
                    try await writer.finish(plan.root.bytes, plan.root.descriptor)
                    names.append(name)
                }
                progress(.done(plan.root.descriptor.digest))
            }
            return names
        }
    }

    // MARK: the two ends

    private func typed<Value: Sendable>(
        _ subject: ImageError.Subject, _ body: @Sendable () async throws -> Value
    ) async throws(ImageError) -> Value {
        do { return try await body() } catch let error as ImageError { throw error } catch is CancellationError {
            throw ImageError(.cancelled, subject, "the task was cancelled")
        } catch let error as Errno { throw ImageErrorAdvice.error(error, subject, "it cannot be copied") } catch {
            throw ImageError(.serverFailed, subject, "the copy failed", cause: error)
        }
    }

    static func reference(_ text: String, _ subject: ImageError.Subject) throws(ImageError) -> Reference {
        do throws(Reference.ParseError) { return try Reference(text) } catch {
            throw ImageError(.malformedDocument, subject, "\(text) is no name of an image: \(error.reason) at \(error.offset)")
        }
    }

    private func needClient(_ subject: ImageError.Subject) throws(ImageError) -> RegistryClient {
        guard let client else { throw ImageError(.unsupported, subject, "there is no client for registries") }
        return client
    }

    private func reader(_ location: ImageLocation) async throws -> any ImageSourceReader {
        switch location {
        case .registry(let reference):
            return RegistryImageSource(client: try needClient(location.subject), reference: reference)
        case .store(let store, let reference):
            let lease = try await BlockingWork.run { try store.lease() }
            // Most images of a store came from the repository that they are named after.
            return StoredImageSource(store: store, reference: reference, lease: lease, origin: reference)
        case .layout(let path, let tag):
            return try await BlockingWork.run {
                let files = try DirectoryFiles(path)
                try files.checkLayout()
                return LayoutImageSource(files: files, entry: try files.entry(tag))
            }
        case .archive(let path, let name): return try await BlockingWork.run { try ArchiveContents(path).image(name) }
        }
    }

    private func writer(_ location: ImageLocation) async throws -> any ImageDestinationWriter {
        switch location {
        case .registry(let reference):
            return RegistryImageDestination(
                client: try needClient(location.subject), reference: reference, chunk: uploadChunk?.rawValue)
        case .store(let store, let reference):
            let lease = try await BlockingWork.run { try store.lease() }
            return StoredImageDestination(store, reference, lease, client)
        case .layout(let path, let tag): return try await BlockingWork.run { try LayoutImageDestination(path, tag: tag) }
        case .archive(let path, _): return try await BlockingWork.run { try ArchiveImageDestination(path) }
        }
    }

    // MARK: the transfer

    private func transfer(
        _ plan: CopyPlan, from reader: any ImageSourceReader, to writer: any ImageDestinationWriter,
        _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws {
        progress(.started(plan.root.descriptor.digest, blobs: plan.blobs))
        for blob in plan.blobs { progress(.blob(blob.digest, .waiting)) }
        var waiting = plan.blobs[...]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, writer.width) {
                guard let blob = waiting.popFirst() else { break }
                group.addTask { try await writer.put(blob, from: reader) { progress(.blob(blob.digest, $0)) } }
            }
            while try await group.next() != nil {
                guard let blob = waiting.popFirst() else { continue }
                group.addTask { try await writer.put(blob, from: reader) { progress(.blob(blob.digest, $0)) } }
            }
        }
        // What is pointed at before what points.
        for document in plan.documents { try await writer.put(document.bytes, document.descriptor) }
    }
}

/// What has to be copied for one image.
struct CopyPlan: Sendable {
    typealias Entry = (bytes: [UInt8], descriptor: Descriptor)
    var root: Entry
    /// Below the root, the deepest first.
    var documents: [Entry] = []
    var blobs: [Descriptor] = []

    private static let mostDocuments = 1000

    init(from source: any ImageSourceReader, _ platforms: PlatformSelection, _ subject: ImageError.Subject) async throws {
        root = try await source.root()
        switch platforms {
        case .all: try await take(root, from: source, subject, depth: 0, isRequired: true)
        case .available:
            if try await !take(root, from: source, subject, depth: 0, isRequired: false) {
                documents = []
                blobs = []
                try await choose(.current, from: source, subject)
            }
        case .one(let platform): try await choose(platform, from: source, subject)
        }
        var seen: Set<Digest> = []
        blobs = blobs.filter { seen.insert($0.digest).inserted }
        documents.removeAll { $0.descriptor.digest == root.descriptor.digest }
    }

    /// - Returns: false when the source lacks something and it is not required.
    @discardableResult
    private mutating func take(
        _ entry: Entry, from source: any ImageSourceReader, _ subject: ImageError.Subject, depth: Int, isRequired: Bool
    ) async throws -> Bool {
        guard depth <= ManifestDocument.deepestIndex, documents.count <= Self.mostDocuments else {
            throw ImageError(.malformedDocument, subject, "its indexes lead too far")
        }
        switch try ManifestDocument(entry.bytes, type: entry.descriptor.mediaType, subject, allowsArtifacts: true) {
        case .manifest(let manifest):
            for blob in [manifest.config] + manifest.layers {
                // Layers that are to be had elsewhere, or not for everybody.
                if blob.size < 0 { throw ImageError(.malformedDocument, subject, "the size of \(blob.digest) is negative") }
                if try await !source.has(blob) {
                    if isRequired { throw ImageError(.notInStore, .blob(blob.digest), "the source does not have it") }
                    return false
                }
                blobs.append(blob)
            }
        case .index(let index):
            for child in index.manifests where !documents.contains(where: { $0.descriptor.digest == child.digest }) {
                guard let bytes = try await source.document(child) else {
                    if isRequired { throw ImageError(.notInStore, .blob(child.digest), "the source does not have this manifest") }
                    return false
                }
                guard
                    try await take((bytes, child), from: source, subject, depth: depth + 1, isRequired: isRequired)
                else { return false }
            }
        }
        documents.append(entry)
        return true
    }

    /// One manifest becomes the root.
    private mutating func choose(_ platform: Platform, from source: any ImageSourceReader, _ subject: ImageError.Subject) async throws {
        for _ in 0...ManifestDocument.deepestIndex {
            guard case .index(let index) = try ManifestDocument(root.bytes, type: root.descriptor.mediaType, subject, allowsArtifacts: true)
            else {
                try await take(root, from: source, subject, depth: 0, isRequired: true)
                return
            }
            guard var next = index.manifest(for: platform), let bytes = try await source.document(next) else {
                throw ImageError(.noMatchingPlatform, subject, "there is no image for \(platform)")
            }
            next.platform = nil
            next.annotations = nil
            root = (bytes, next)
        }
        throw ImageError(.malformedDocument, subject, "its indexes lead too far")
    }
}
