internal import AsyncHTTPClient
internal import BundleKit
internal import ImageKit
internal import LinuxSystem
internal import Logging
internal import NIOPosix
internal import OCIModel
internal import SpawnKit
internal import Synchronization
internal import SystemPackage

/// Content, layers and names of images: where ImageKit and BundleKit meet.
final class ImageStore: Sendable {
    let content: ContentStore
    let layers: LayerStore
    private let unpacker: Unpacker
    private let configuration: EngineConfiguration
    private let threads: NIOThreadPool
    let lease: StoreLease
    /// Made at the first pull: an engine that pulls nothing has no client, and none of its threads.
    private let client = Mutex<RegistryClient?>(nil)
    private let prepared = Mutex(Prepared())

    private struct Prepared {
        var byDigest: [Digest: PreparedImage] = [:]
        var byName: [Reference: Digest] = [:]
        /// Names as users write them; parsing is not for the hot path.
        var references: [String: Reference] = [:]
    }

    init(
        _ configuration: EngineConfiguration, _ directories: EngineDirectories, spawner: Spawner, threads: NIOThreadPool
    ) async throws(ContainerError) {
        self.configuration = configuration
        self.threads = threads
        let durability: (ContentStore.Durability, LayerDurability) =
            switch configuration.durability {
            case .perImage: (.perImage, .perImage)
            case .none: (.none, .none)
            }
        (content, lease) = try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in
            let content: ContentStore
            do throws(ImageError) { content = try ContentStore(at: directories.content, durability: durability.0) } catch {
                throw ContainerError(error, image: nil)
            }
            return (content, try StoreLease(in: directories.root))
        }
        do throws(BundleError) { layers = try await LayerStore.open(at: directories.layers, durability: durability.1) } catch {
            throw ContainerError(.storage, .path(directories.layers), "it cannot be used", cause: error)
        }
        unpacker = Unpacker(store: layers, spawner: spawner, limits: configuration.layerLimits)
    }

    // MARK: from a name to directories

    /// What a container's root is made of; pulled and unpacked when it is not there.
    func prepare(_ source: ContainerSource) async throws(ContainerError) -> PreparedImage {
        switch source.kind {
        case .directory(let path):
            return PreparedImage(
                name: path.string, defaults: ImageDefaults(), lowerDirectories: [path], keys: [], isImmutable: false)
        case .image(let image): return try await unpack(image).image
        case .reference(let reference): return try await prepare(reference)
        case .name(let name): return try await prepare(try reference(name))
        }
    }

    /// Whether images of the platform that is pulled run here.
    var runsConfiguredPlatform: Bool { Platform.current.runs(configuration.platform) }

    private func prepare(_ reference: Reference) async throws(ContainerError) -> PreparedImage {
        if let known = prepared.withLock({ prepared in prepared.byName[reference].flatMap { prepared.byDigest[$0] } }) { return known }
        if runsConfiguredPlatform {
            return try await pullAndUnpack(reference, policy: .missing, note: PullNotes(nil)).prepared
        }
        let (image, _) = try await pull(reference, policy: .missing, platform: nil) { _ in }
        return try await unpack(image).image
    }

    func reference(_ name: String) throws(ContainerError) -> Reference {
        if let known = prepared.withLock({ $0.references[name] }) { return known }
        do throws(Reference.ParseError) {
            let reference = try Reference(name)
            prepared.withLock { prepared in
                if prepared.references.count > 1024 { prepared.references = [:] }
                prepared.references[name] = reference
            }
            return reference
        } catch {
            throw ContainerError(
                .imageUnavailable, .image(name), "it is no name of an image",
                advice: "Write `alpine:3.20` or `registry.example/team/app:1`.",
                cause: error)
        }
    }

    func pull(
        _ reference: Reference, policy: PullPolicy, platform: Platform?, follower: (any BlobFollower)? = nil,
        note: @escaping @Sendable (TransferProgress) -> Void
    ) async throws(ContainerError) -> (Image, PullTimings) {
        let client = try await registry()
        // Until it has a name, a blob looks like garbage.
        let guardian = try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in try self.lease.protect() }
        defer { withExtendedLifetime(guardian) {} }
        do throws(ImageError) {
            let result = try await ImagePuller(store: content, client: client).pull(
                reference, platform: platform ?? configuration.platform, policy: policy, follower: follower, note: note)
            return (result.image, result.timings)
        } catch { throw ContainerError(error, image: reference.familiar) }
    }

    /// Pulls an image and unpacks its layers while they arrive.
    func pullAndUnpack(
        _ reference: Reference, policy: PullPolicy, note: PullNotes
    ) async throws(ContainerError) -> (image: Image, timings: PullTimings, prepared: PreparedImage, unpacking: Duration) {
        do throws(ContainerError) { return try await pullAndUnpackOnce(reference, policy, note) } catch {
            // A layer that is lost, an unclean stop of the machine may take it, and whose blob was dropped: it is brought anew.
            guard error.code == .unpackFailed, policy != .never, try await restoreDropped(reference) else { throw error }
            return try await pullAndUnpackOnce(reference, .always, note)
        }
    }

    /// - Returns: whether blobs of the image had been dropped.
    private func restoreDropped(_ reference: Reference) async throws(ContainerError) -> Bool {
        let (content, platform) = (content, configuration.platform)
        return try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in
            do throws(ImageError) {
                guard let image = try content.image(reference, platform: platform),
                    image.manifest.layers.contains(where: { content.isDropped($0.digest) })
                else { return false }
                try content.restoreLayers(of: image)
                return true
            } catch { throw ContainerError(error, image: reference.familiar) }
        }
    }

    private func pullAndUnpackOnce(
        _ reference: Reference, _ policy: PullPolicy, _ note: PullNotes
    ) async throws(ContainerError) -> (image: Image, timings: PullTimings, prepared: PreparedImage, unpacking: Duration) {
        let feed = LayerFeed()
        // While it is held, nobody collects layers.
        let guardian = try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in try self.lease.protect() }
        defer { withExtendedLifetime(guardian) {} }
        let unpacker = unpacker
        let blobs = StoredLayers(content: content, threads: threads)
        // A task of its own, awaited in each case: nothing of it is left when this returns.
        let unpack = Task { () async -> Result<UnpackedImage?, BundleError> in
            do throws(BundleError) { return .success(try await unpacker.unpack(following: feed, from: blobs) { note.unpacked($0) }) } catch
            {
                return .failure(error)
            }
        }
        let pull = Task { () async -> Result<(Image, PullTimings), ContainerError> in
            do throws(ContainerError) {
                return .success(
                    try await self.pull(reference, policy: policy, platform: nil, follower: feed) { note.pulled($0) })
            } catch { return .failure(error) }
        }
        let (pulled, unpacked) = await withTaskCancellationHandler {
            let watch = Task {
                // A layer that cannot be unpacked ends the download of the others.
                if case .failure = await unpack.value { pull.cancel() }
            }
            let pulled = await pull.value
            if case .failure = pulled { unpack.cancel() }
            feed.end()
            let unpacked = await unpack.value
            await watch.value
            return (pulled, unpacked)
        } onCancel: {
            pull.cancel()
            unpack.cancel()
        }
        switch (pulled, unpacked) {
        case (.success(let (image, timings)), .success(let layers)):
            let (prepared, duration) = try await hold(image, layers, note)
            note.end(image)
            return (image, timings, prepared, duration)
        case (_, .failure(let error)) where error.code != .cancelled: throw ContainerError(error, image: reference.familiar)
        case (.failure(let error), _): throw error
        case (_, .failure(let error)): throw ContainerError(error, image: reference.familiar)
        }
    }

    /// Holds the layers of an image that was unpacked until the engine ends; unpacks it from the store when it was not.
    private func hold(
        _ image: Image, _ layers: UnpackedImage?, _ note: PullNotes
    ) async throws(ContainerError) -> (PreparedImage, Duration) {
        // Several manifests may have one name; what was followed is what was pulled.
        guard let layers else {
            let (prepared, duration) = try await unpack(image, note: note)
            return (prepared, duration)
        }
        return (try await hold(image, layers), layers.duration)
    }

    private func hold(_ image: Image, _ unpacked: UnpackedImage) async throws(ContainerError) -> PreparedImage {
        let keys = unpacked.layers.map(\.key)
        try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in try self.lease.hold(keys) }
        let result = PreparedImage(
            name: image.reference.familiar, defaults: ImageDefaults(image.configuration), lowerDirectories: unpacked.lowerDirectories,
            keys: keys, manifest: image.manifestDigest, isImmutable: true)
        if !configuration.keepsBlobs {
            let content = content
            try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in
                do throws(ImageError) { try content.dropLayers(of: image) } catch {
                    throw ContainerError(error, image: image.reference.familiar)
                }
            }
        }
        prepared.withLock { prepared in
            prepared.byDigest[image.id] = result
            prepared.byName[image.reference] = image.id
        }
        return result
    }

    /// Unpacks what is missing of an image, and holds its layers until the engine ends.
    func unpack(
        _ image: Image, note: PullNotes = PullNotes(nil)
    ) async throws(ContainerError) -> (image: PreparedImage, duration: Duration) {
        if let known = prepared.withLock({ $0.byDigest[image.id] }) {
            prepared.withLock { $0.byName[image.reference] = image.id }
            return (known, .zero)
        }
        // While it is held, nobody collects layers.
        let guardian = try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in try self.lease.protect() }
        defer { withExtendedLifetime(guardian) {} }
        note.stored(image)
        let unpacked: UnpackedImage
        do throws(BundleError) {
            unpacked = try await unpacker.unpack(
                image.manifest, configuration: image.configuration, from: StoredLayers(content: content, threads: threads)
            ) { note.unpacked($0) }
        } catch { throw ContainerError(error, image: image.reference.familiar) }
        return (try await hold(image, unpacked), unpacked.duration)
    }

    /// A name may mean something else now.
    func forget(_ reference: Reference) { prepared.withLock { $0.byName[reference] = nil } }

    // MARK: the client

    func registry() async throws(ContainerError) -> RegistryClient {
        if let client = client.withLock({ $0 }) { return client }
        let registry = try await registryConfiguration()
        let made: RegistryClient
        do throws(ImageError) {
            made = try RegistryClient(registry, client: configuration.httpClient, logger: configuration.logger)
        } catch { throw ContainerError(error, image: nil) }
        let (winner, isOurs) = client.withLock { client in
            if let client { return (client, false) }
            client = made
            return (made, true)
        }
        // Ending one that was never used cannot fail in a way that matters.
        if !isOurs { try? await made.shutdown() }
        return winner
    }

    /// The engine's settings as the client wants them.
    func registryConfiguration() async throws(ContainerError) -> RegistryConfiguration {
        let configuration = configuration
        return try await ContainerEngine.blocking(on: threads) { () throws(ContainerError) in
            var registry = RegistryConfiguration()
            if !configuration.registry.credentials.isEmpty || !configuration.registry.readsDockerConfiguration {
                registry.credentials = .fixed(
                    configuration.registry.credentials.mapValues { .init(username: $0.user, password: $0.password) })
            }
            registry.plainHTTP = configuration.registry.plainHTTP
            for path in configuration.registry.trustRoots {
                do throws(Errno) {
                    let file = try OwnedDescriptor.open(path.string, flags: 0)
                    registry.additionalTrustRoots.append(try file.readAll(limit: 1 << 20))
                } catch { throw .storage(error, path) }
            }
            return registry
        }
    }

    func shutdown() async {
        let last = client.withLock { client in
            defer { client = nil }
            return client
        }
        do { try await last?.shutdown() } catch {
            configuration.logger.error("The registry client could not be ended: \(error)")
        }
        lease.end()
    }
}

/// The store's blobs as the unpacker wants them.
private struct StoredLayers: LayerSource {
    var content: ContentStore
    var threads: NIOThreadPool

    func openLayer(_ layer: LayerDescription) async throws -> SharedDescriptor {
        let content = content
        return try await threads.runIfActive { SharedDescriptor(try content.openBlob(try Digest(layer.digest))) }
    }
}
