internal import Logging
public import OCIModel
internal import Synchronization

/// Brings images from registries into a store.
public final class ImagePuller: Sendable {
    public let store: ContentStore
    private let client: RegistryClient
    private let flights = BlobFlights()

    public init(store: ContentStore, client: RegistryClient) {
        self.store = store
        self.client = client
    }

    /// Pulls an image for a platform.
    ///
    /// - Parameters:
    ///   - reference: the image's name.
    ///   - platform: the platform to take from an index; this machine's by default.
    ///   - policy: when the registry is asked; `.missing` by default.
    ///   - follower: told of layers as they arrive, to unpack them meanwhile.
    ///   - progress: told of what happens; it ends with the pull.
    /// - Returns: the image, all of its blobs verified in the store, and where the time went.
    /// - Throws: `ImageError`; `.cancelled` when the task is. Blobs that were verified stay; nothing else does.
    public func pull(
        _ reference: Reference, platform: Platform = .current, policy: PullPolicy = .missing, follower: (any BlobFollower)? = nil,
        progress: TransferEvents? = nil
    ) async throws(ImageError) -> (image: Image, timings: PullTimings) {
        defer { progress?.finish() }
        return try await pull(reference, platform: platform, policy: policy, follower: follower, note: progress.note)
    }

    /// As `pull(_:platform:policy:follower:progress:)`.
    /// - Parameter note: called from several threads.
    package func pull(
        _ reference: Reference, platform: Platform, policy: PullPolicy, follower: (any BlobFollower)?,
        note progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(ImageError) -> (image: Image, timings: PullTimings) {
        do {
            return try await pulled(reference, platform, policy, follower, progress)
        } catch let error as ImageError {
            throw error
        } catch is CancellationError {
            throw ImageError(.cancelled, .reference(reference), "the pull was cancelled")
        } catch {
            throw ImageError(.serverFailed, .reference(reference), "the pull failed", cause: error)
        }
    }

    private func pulled(
        _ reference: Reference, _ platform: Platform, _ policy: PullPolicy, _ follower: (any BlobFollower)?,
        _ progress: @escaping @Sendable (TransferProgress) -> Void
    ) async throws -> (Image, PullTimings) {
        let clock = ContinuousClock()
        var timings = PullTimings()
        let store = store
        if policy != .always {
            if let image = try await BlockingWork.run({ try store.image(reference, platform: platform) }) { return (image, timings) }
            if policy == .never {
                throw ImageError(.notInStore, .reference(reference), "the store does not have it, and the policy is never to pull")
            }
        }
        let start = clock.now
        progress(.resolving(reference))
        let lease = try await BlockingWork.run { try store.lease() }
        defer { lease.end() }
        let found = try await resolve(reference, platform)
        let blobs = [found.manifest.config] + found.manifest.layers
        progress(.started(found.root.digest, blobs: blobs))
        timings.resolve = clock.now - start

        let downloaded = Mutex(Int64(0))
        let count: @Sendable (Int64) -> Void = { count in downloaded.withLock { $0 += count } }
        if let follower {
            // The configuration names what the layers unpack to, so it comes first.
            try await download([found.manifest.config], reference, lease, nil, progress, count)
            let configuration = try await BlockingWork.run {
                try store.configuration(
                    of: found.manifest, for: found.manifestDigest == found.root.digest ? platform : nil, reference)
            }
            follower.resolved(found.manifest, configuration)
        }
        try await download(blobs, reference, lease, follower, progress, count)
        try await follower?.settled()
        let image = try await BlockingWork.run {
            let configuration = try store.configuration(
                of: found.manifest, for: found.manifestDigest == found.root.digest ? platform : nil, reference)
            for document in found.documents { try store.put(document.bytes, document.descriptor, for: lease) }
            follower?.flushed(try store.sync(blobs.map(\.digest) + found.documents.map(\.descriptor.digest)))
            try store.setName(reference, to: found.root)
            return Image(
                reference: reference, digest: found.root.digest, manifestDigest: found.manifestDigest, manifest: found.manifest,
                configuration: configuration)
        }
        timings.download = clock.now - start - timings.resolve
        timings.downloadedBytes = .bytes(downloaded.withLock { $0 })
        progress(.done(found.root.digest))
        return (image, timings)
    }

    // MARK: what the name points at

    private struct Found: Sendable {
        var root: Descriptor
        var manifestDigest: Digest
        var manifest: ImageManifest
        /// The index, if any, and the manifest.
        var documents: [(bytes: [UInt8], descriptor: Descriptor)]
    }

    private func resolve(_ reference: Reference, _ platform: Platform) async throws -> Found {
        var documents: [(bytes: [UInt8], descriptor: Descriptor)] = []
        var next: Descriptor?
        for _ in 0...ManifestDocument.deepestIndex {
            let answer = try await client.manifest(reference, digest: next?.digest ?? reference.digest, expected: next)
            documents.append(answer)
            switch try ManifestDocument(answer.bytes, type: answer.descriptor.mediaType, .reference(reference)) {
            case .manifest(let manifest):
                return Found(
                    root: documents[0].descriptor, manifestDigest: answer.descriptor.digest, manifest: manifest, documents: documents)
            case .index(let index): next = try ContentStore.choose(index, platform, reference)
            }
        }
        throw ImageError(
            .malformedDocument, .reference(reference), "indexes lead to indexes more than \(ManifestDocument.deepestIndex) deep")
    }

    // MARK: blobs

    private func download(
        _ blobs: [Descriptor], _ reference: Reference, _ lease: ContentLease, _ follower: (any BlobFollower)?,
        _ progress: @escaping @Sendable (TransferProgress) -> Void,
        _ count: @escaping @Sendable (Int64) -> Void
    ) async throws {
        var seen: Set<Digest> = []
        var waiting = blobs.filter { seen.insert($0.digest).inserted }[...]
        for blob in waiting { progress(.blob(blob.digest, .waiting)) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<max(1, client.configuration.concurrentDownloads) {
                guard let blob = waiting.popFirst() else { break }
                group.addTask { try await self.ensure(blob, reference, lease, follower, progress, count) }
            }
            while try await group.next() != nil {
                guard let blob = waiting.popFirst() else { continue }
                group.addTask { try await self.ensure(blob, reference, lease, follower, progress, count) }
            }
        }
    }

    private func ensure(
        _ blob: Descriptor, _ reference: Reference, _ lease: ContentLease, _ follower: (any BlobFollower)?,
        _ progress: @escaping @Sendable (TransferProgress) -> Void,
        _ count: @escaping @Sendable (Int64) -> Void
    ) async throws {
        let store = store
        let client = client
        try await flights.alone(blob.digest) {
            while true {
                if try await BlockingWork.run({ try store.claim(blob.digest, for: lease) }) {
                    follower?.verified(blob.digest)
                    return progress(.blob(blob.digest, .alreadyPresent))
                }
                if try await BlockingWork.run({ store.isDropped(blob.digest) }) {
                    follower?.verified(blob.digest)
                    return progress(.blob(blob.digest, .alreadyPresent))
                }
                // Another program may be downloading it into this store: then it is waited for, and gone on where it fails.
                guard let ingest = try await BlockingWork.finish({ try BlobIngest.resuming(blob, into: store, follower: follower) }) else {
                    try await Task.sleep(for: .milliseconds(50))
                    continue
                }
                if try await BlockingWork.finish({ store.contains(blob.digest) }) {
                    ingest.discard()
                    follower?.verified(blob.digest)
                    return progress(.blob(blob.digest, .alreadyPresent))
                }
                try await client.download(ingest, of: reference, follower: follower) {
                    progress(.blob(blob.digest, .moved($0, of: blob.size)))
                }
                count(blob.size)
                return progress(.blob(blob.digest, .done))
            }
        }
    }
}
