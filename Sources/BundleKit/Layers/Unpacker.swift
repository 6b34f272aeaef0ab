package import BundleChild
internal import Glibc
internal import LinuxSystem
public import OCIModel
public import SpawnKit
public import SystemPackage

/// The layers of an image, unpacked.
public struct UnpackedImage: Sendable, Hashable {
    /// What became of one layer.
    public struct Layer: Sendable, Hashable {
        public var description: LayerDescription
        /// Its name in the store: what a garbage collection has to keep.
        public var key: LayerKey
        /// Its directory, in overlay form.
        public var path: FilePath
        /// True when it was there already.
        public var wasPresent: Bool
        /// Entries and bytes of its archive; 0 when it was there already.
        public var entries: UInt64
        public var bytes: UInt64
        /// From the request to the finished layer.
        public var duration: Duration
    }

    /// Lowest first, as in the manifest.
    public var layers: [Layer]
    /// `sha256:<hex>`; see image-spec 1.1, config.md. Empty for an image without layers.
    public var chainID: String
    /// From the call to the last layer, flush included.
    public var duration: Duration

    /// Directories for overlayfs, topmost first.
    public var lowerDirectories: [FilePath] { layers.reversed().map(\.path) }
}

/// How far unpacking is.
public enum UnpackProgress: Sendable, Hashable {
    /// The layer with this index (0 is the lowest) begins.
    case started(Int)
    case finished(Int, UnpackedImage.Layer)
}

/// Unpacks layers into a store, each in a process of its own: hostile archives are parsed outside this program's memory.
public final class Unpacker: Sendable {
    /// More lower layers than this overlayfs does not take.
    public static let maximumLayers = 500

    private let store: LayerStore
    private let spawner: Spawner
    private let limits: UnpackLimits
    private let width: Int

    /// An unpacker with a spawner that others use too.
    /// - Parameter width: layers unpacked at the same time; by default one for each processor, at most four.
    package init(store: LayerStore, spawner: Spawner, limits: UnpackLimits = UnpackLimits(), width: Int? = nil) {
        self.store = store
        self.spawner = spawner
        self.limits = limits
        self.width = max(1, width ?? min(4, sysconf(CInt(_SC_NPROCESSORS_ONLN))))
    }

    /// An unpacker with a spawner of its own.
    public convenience init(store: LayerStore, spawner configuration: SpawnerConfiguration = SpawnerConfiguration()) {
        self.init(store: store, spawner: Spawner(configuration: configuration), limits: UnpackLimits())
    }

    /// Unpacks what is missing of an image.
    /// - Throws: `.layerCountMismatch`, and what `unpack(_:from:progress:)` throws.
    public func unpack(
        _ manifest: ImageManifest, configuration: ImageConfiguration, from source: some LayerSource,
        progress: (@Sendable (UnpackProgress) -> Void)? = nil
    ) async throws(BundleError) -> UnpackedImage {
        try await unpack(try LayerDescription.join(manifest, configuration), from: source, progress: progress)
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
        let start = ContinuousClock.now
        guard layers.count <= Self.maximumLayers else {
            throw BundleError(
                .tooManyLayers, .image, "It has \(layers.count) layers, but overlayfs takes \(Self.maximumLayers): flatten the image.")
        }
        let keys = try LayerKeys.of(layers)
        for layer in layers { _ = try Self.compression(of: layer) }
        let job = Job(layers: layers, keys: keys, source: source, progress: progress)

        var done = [UnpackedImage.Layer?](repeating: nil, count: layers.count)
        var waiting: [Int] = []
        // First all at once, each without the layers below it; few need those.
        var failure: BundleError?
        await withTaskGroup(of: (Int, Result<UnpackedImage.Layer?, BundleError>).self) { group in
            var next = 0
            while next < layers.count || !group.isEmpty {
                if failure == nil, next < layers.count, next < width {
                    // Fill the width.
                    let index = next
                    let lower = Self.lower(index, done)
                    group.addTask { (index, await self.attempt(job, index, lower: lower)) }
                    next += 1
                    continue
                }
                guard let (index, result) = await group.next() else { break }
                switch result {
                case .success(let layer?): done[index] = layer
                case .success(nil): waiting.append(index)
                case .failure(let error):
                    if failure == nil { failure = error }
                    group.cancelAll()
                }
                if failure == nil, next < layers.count {
                    let index = next
                    let lower = Self.lower(index, done)
                    group.addTask { (index, await self.attempt(job, index, lower: lower)) }
                    next += 1
                }
                if failure != nil { next = layers.count }
            }
        }
        if let failure { throw failure }
        // Then, from the lowest up, those that do.
        for index in waiting.sorted() {
            let lower = Self.lower(index, done)
            guard let lower, let layer = try await attempt(job, index, lower: lower).get() else {
                throw BundleError(.unpackerFailed, .layer(layers[index].digest, entry: nil), "The layers below it are not there.")
            }
            done[index] = layer
        }
        let finished = done.compactMap(\.self)
        let store = store
        if store.durability == .perImage {
            let all = finished.map(\.key)
            try await BlockingWork.run { () throws(BundleError) in
                do throws(Errno) { try store.flush(all) } catch { throw .storage(error, store.directory) }
            }
        }
        return UnpackedImage(layers: finished, chainID: keys.last?.chainID ?? "", duration: .now - start)
    }

    /// What all attempts of one image share.
    private struct Job: Sendable {
        var layers: [LayerDescription]
        var keys: [LayerKeys]
        var source: any LayerSource
        var progress: (@Sendable (UnpackProgress) -> Void)?
    }

    /// The layers below, topmost first; nil while one of them is not finished.
    private static func lower(_ index: Int, _ done: [UnpackedImage.Layer?]) -> [LayerKey]? {
        let below = done[..<index].compactMap { $0?.key }
        return below.count == index ? below.reversed() : nil
    }

    private func attempt(_ job: Job, _ index: Int, lower: [LayerKey]?) async -> Result<UnpackedImage.Layer?, BundleError> {
        do throws(BundleError) { return .success(try await unpack(job, index, lower: lower)) } catch { return .failure(error) }
    }

    /// One layer; nil when it needs those below and they are not known yet.
    private func unpack(_ job: Job, _ index: Int, lower: [LayerKey]?) async throws(BundleError) -> UnpackedImage.Layer? {
        let start = ContinuousClock.now
        let layer = job.layers[index]
        let keys = job.keys[index]
        func present() -> UnpackedImage.Layer? {
            for key in [keys.shared, keys.settled] where store.contains(key) {
                return UnpackedImage.Layer(
                    description: layer, key: key, path: store.path(of: key), wasPresent: true, entries: 0, bytes: 0,
                    duration: .now - start)
            }
            return nil
        }
        if let there = present() {
            job.progress?(.finished(index, there))
            return there
        }
        await store.lock.acquire(keys.shared.hex)
        defer { store.lock.release(keys.shared.hex) }
        if let there = present() {
            job.progress?(.finished(index, there))
            return there
        }
        if Task.isCancelled { throw BundleError(.cancelled, .layer(layer.digest, entry: nil), "The task was cancelled.") }
        job.progress?(.started(index))
        let blob: SharedDescriptor
        do { blob = try await job.source.openLayer(layer) } catch {
            throw BundleError(
                .source, .layer(layer.digest, entry: nil), cause: error, "Its blob could not be opened: \(error). Pull the image again.")
        }
        let staging: LayerStore.Staging
        do throws(Errno) { staging = try store.stage() } catch { throw .storage(error, store.directory) }
        do throws(BundleError) {
            guard let report = try await run(layer, keys, blob, staging, lower) else {
                try await discard(staging)
                return nil
            }
            let key = report.neededBelow ? keys.settled : keys.shared
            let store = store
            try await BlockingWork.run { () throws(BundleError) in
                do throws(Errno) { try store.commit(staging, as: key) } catch { throw .storage(error, store.path(of: key)) }
            }
            let finished = UnpackedImage.Layer(
                description: layer, key: key, path: store.path(of: key), wasPresent: false, entries: report.entries,
                bytes: report.bytes, duration: .now - start)
            job.progress?(.finished(index, finished))
            return finished
        } catch {
            var failure = error
            do throws(BundleError) { try await discard(staging) } catch { failure.suppressed.append(error) }
            throw failure
        }
    }

    private func discard(_ staging: LayerStore.Staging) async throws(BundleError) {
        let store = store
        try await BlockingWork.run { () throws(BundleError) in
            do throws(Errno) { try store.discard(staging) } catch { throw .storage(error, store.directory) }
        }
    }

    /// Runs the role; nil when it says that it needs the layers below.
    private func run(
        _ layer: LayerDescription, _ keys: LayerKeys, _ blob: SharedDescriptor, _ staging: LayerStore.Staging, _ lower: [LayerKey]?
    ) async throws(BundleError) -> UnpackReport? {
        let subject = BundleError.Subject.layer(layer.digest, entry: nil)
        let request = UnpackRequest(
            compression: try Self.compression(of: layer), blobSize: layer.size, diffID: keys.shared.bytes,
            lower: lower?.map(\.hex), limits: limits)
        let near: SharedDescriptor
        let process: RoleProcess
        do {
            let pair = try SocketPair()
            near = SharedDescriptor(try pair.near.duplicate())
            let far = SharedDescriptor(try pair.far.duplicate())
            process = try await spawner.spawn(
                .unpacker, request: request.encoded(), descriptors: [far, blob, staging.tree, store.finished])
        } catch let error as SpawnError {
            throw BundleError(.unpackerFailed, subject, errno: error.errno, cause: error, error.description)
        } catch {
            throw BundleError(.unpackerFailed, subject, cause: error, "Sockets could not be made: \(error).")
        }
        let exit: RoleExit
        do { exit = try await process.wait() } catch {
            // Not before it is gone may the staging directory be removed.
            _ = try? process.sendSignal(SIGKILL)
            _ = try? await Task.detached { try await process.wait() }.value
            throw BundleError(.cancelled, subject, "The task was cancelled.")
        }
        var outcome: UnpackOutcome?
        if let descriptor = try? near.duplicate(), let message = try? descriptor.receive(nonBlocking: true) {
            outcome = try? UnpackOutcome(decoding: message.bytes)
        }
        switch outcome {
        case .done(let report) where exit == .ended(.exited(code: 0)): return report
        case .failed(let failure) where failure.code == .belowNeeded && lower == nil: return nil
        case .failed(let failure): throw BundleError(failure, layer: layer.digest, expected: layer.diffID)
        default:
            throw BundleError(.unpackerFailed, subject, "The unpacker ended without an answer: \(exit). If that happens again, report it.")
        }
    }

    private static func compression(of layer: LayerDescription) throws(BundleError) -> LayerCompression {
        switch layer.mediaType {
        case "application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar":
            return .none
        case "application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip":
            return .gzip
        case "application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd":
            return .zstd
        default:
            throw BundleError(
                .unsupportedMediaType, .layer(layer.digest, entry: nil),
                "Its media type \(layer.mediaType) is none this package unpacks (tar, tar+gzip, tar+zstd).")
        }
    }
}

extension RoleProcess {
    /// Sends a signal to the process itself, never to another with its number.
    fileprivate func sendSignal(_ signal: CInt) throws(Errno) { try descriptor.duplicate().sendSignal(signal) }
}
