internal import BundleChild
internal import Glibc
public import OCIModel
public import SpawnKit
internal import SystemPackage

/// Unpacks layers into a store, each in a process of its own: hostile archives are parsed outside this program's memory.
///
/// Layers are written in any order, without those below them, and at the same time. One that turns out to rest on what lies below waits,
/// written, until that is finished, and is then settled on it.
public final class Unpacker: Sendable {
    /// More lower layers than this overlayfs does not take.
    public static let maximumLayers = 500

    let store: LayerStore
    let spawner: Spawner
    let limits: UnpackLimits
    let slots: WorkSlots

    /// An unpacker with a spawner that others use too.
    /// - Parameter width: layers written at the same time; by default two for each processor, four at least and sixteen at most.
    package init(store: LayerStore, spawner: Spawner, limits: LayerLimits = LayerLimits(), width: Int? = nil) {
        self.store = store
        self.spawner = spawner
        self.limits = limits.forUnpacker
        slots = WorkSlots(max(1, width ?? max(4, min(16, 2 * sysconf(CInt(_SC_NPROCESSORS_ONLN))))))
    }

    /// An unpacker with a spawner of its own.
    /// - Parameters:
    ///   - store: where finished layers lie.
    ///   - configuration: of the spawner.
    ///   - limits: what a layer may cost.
    public convenience init(
        store: LayerStore, spawner configuration: SpawnerConfiguration = SpawnerConfiguration(), limits: LayerLimits = LayerLimits()
    ) {
        self.init(store: store, spawner: Spawner(configuration: configuration), limits: limits, width: nil)
    }

    /// Unpacks what is missing of an image.
    /// - Throws: `.layerCountMismatch`, and what `unpack(_:from:progress:)` throws.
    public func unpack(
        _ manifest: ImageManifest, configuration: ImageConfiguration, from source: some LayerSource,
        progress: (@Sendable (UnpackProgress) -> Void)? = nil
    ) async throws(BundleError) -> UnpackedImage {
        try await unpack(try LayerDescription.join(manifest, configuration), from: source, progress: progress)
    }

    /// Unpacks an image while it is being pulled: each layer from the first byte that has come.
    ///
    /// - Parameters:
    ///   - feed: what the pull is told to follow. Unpacking ends when it is abandoned.
    ///   - source: where blobs are once they are verified.
    ///   - progress: called from any thread.
    /// - Returns: nil when the pull ended before it knew what the image consists of: all was there, or it failed.
    /// - Throws: as `unpack(_:from:progress:)`. No layer is finished before its blob is verified.
    public func unpack(
        following feed: LayerFeed, from source: some LayerSource, progress: (@Sendable (UnpackProgress) -> Void)? = nil
    ) async throws(BundleError) -> UnpackedImage? {
        defer { feed.finishedWork() }
        guard let (manifest, configuration) = await feed.image() else { return nil }
        return try await unpack(
            Job(try LayerDescription.join(manifest, configuration), source: source, feed: feed, progress: progress))
    }

    /// Unpacks what is missing. On a failure nothing but whole layers is left.
    ///
    /// - Parameters:
    ///   - layers: lowest first.
    ///   - source: where their blobs are.
    ///   - progress: called from any thread, in no order between layers.
    /// - Throws: `.tooManyLayers`, `.unsupportedMediaType`, `.damagedLayer`, `.hostileLayer`, `.limitExceeded`, `.digestMismatch`,
    ///   `.storage`, `.source`, `.unpackerFailed`, `.cancelled`.
    public func unpack(
        _ layers: [LayerDescription], from source: some LayerSource, progress: (@Sendable (UnpackProgress) -> Void)? = nil
    ) async throws(BundleError) -> UnpackedImage {
        try await unpack(Job(layers, source: source, feed: nil, progress: progress))
    }

    /// What all layers of one image share.
    struct Job: Sendable {
        var layers: [LayerDescription]
        var keys: [LayerKeys]
        var source: any LayerSource
        var feed: LayerFeed?
        var progress: (@Sendable (UnpackProgress) -> Void)?
        /// The layers that are finished.
        let chain: LayerChain

        init(
            _ layers: [LayerDescription], source: any LayerSource, feed: LayerFeed?, progress: (@Sendable (UnpackProgress) -> Void)?
        ) throws(BundleError) {
            guard layers.count <= Unpacker.maximumLayers else {
                throw BundleError(
                    .tooManyLayers, .image,
                    "It has \(layers.count) layers, but overlayfs takes \(Unpacker.maximumLayers): flatten the image.")
            }
            keys = try LayerKeys.of(layers)
            for layer in layers { _ = try layer.compression }
            self.layers = layers
            self.source = source
            self.feed = feed
            self.progress = progress
            chain = LayerChain(layers.count)
        }
    }

    private func unpack(_ job: Job) async throws(BundleError) -> UnpackedImage {
        let start = ContinuousClock.now
        var done = [UnpackedImage.Layer?](repeating: nil, count: job.layers.count)
        var failure: BundleError?
        await withTaskGroup(of: (Int, Result<UnpackedImage.Layer, BundleError>).self) { group in
            for index in job.layers.indices { group.addTask { (index, await self.attempt(job, index)) } }
            for await (index, result) in group {
                switch result {
                case .success(let layer): done[index] = layer
                case .failure(let error):
                    // The first one tells why; the others end because of it.
                    if failure == nil {
                        failure = error
                        group.cancelAll()
                    } else if error.code != .cancelled {
                        failure?.suppressed.append(error)
                    }
                }
            }
        }
        if let failure { throw failure }
        let finished = done.compactMap(\.self)
        let store = store
        if store.durability == .perImage {
            let all = finished.map(\.key)
            // One flush is enough for the blobs and the layers.
            job.feed?.finishedWork()
            let flushed = await job.feed?.flush()
            try await BlockingWork.run { () throws(BundleError) in
                do throws(Errno) { try store.flush(all, unless: flushed) } catch { throw .storage(error, store.directory) }
            }
        }
        return UnpackedImage(layers: finished, chainID: job.keys.last?.chainID ?? "", duration: .now - start)
    }

    private func attempt(_ job: Job, _ index: Int) async -> Result<UnpackedImage.Layer, BundleError> {
        do throws(BundleError) {
            let layer = try await unpack(job, index)
            job.chain.finish(index, layer.key)
            return .success(layer)
        } catch {
            job.chain.fail()
            return .failure(error)
        }
    }
}
