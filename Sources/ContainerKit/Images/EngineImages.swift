internal import BundleKit
internal import Glibc
public import ImageKit
internal import LinuxSystem
public import OCIModel
public import SystemPackage

extension ContainerEngine {
    /// The images of this engine's root.
    public var images: EngineImages { EngineImages(engine: self) }
}

/// Images: pulled, imported, listed, removed.
public struct EngineImages: Sendable {
    let engine: ContainerEngine

    /// Pulls an image and unpacks it, so that a container of it starts at once. Layers are unpacked while they arrive. Without root the
    /// image is only stored.
    ///
    /// - Parameters:
    ///   - name: as Docker reads it: `alpine`, `registry.example/team/app:1`, `app@sha256:…`.
    ///   - policy: when the registry is asked; only for what is not there, by default.
    ///   - platform: nil is the engine's. Another than this machine's is not unpacked.
    ///   - progress: told of what happens to each blob; it ends with the pull.
    /// - Throws: `.imageUnavailable` with an `ImageError` as its cause, `.unpackFailed`, `.cancelled`. No partial file is left.
    @discardableResult
    public func pull(
        _ name: String, policy: PullPolicy = .missing, platform: Platform? = nil,
        progress: TransferEvents? = nil
    ) async throws(ContainerError) -> Image {
        try await pullTimed(name, policy: policy, platform: platform, progress: progress).image
    }

    /// As `pull`, and tells where the time went.
    public func pullTimed(
        _ name: String, policy: PullPolicy = .missing, platform: Platform? = nil,
        progress: TransferEvents? = nil
    ) async throws(ContainerError) -> (image: Image, timings: PullTimings, unpacking: Duration) {
        defer { progress?.finish() }
        try engine.expectOpen()
        let reference = try engine.store.reference(name)
        let followsLayers = engine.hostFeatures.isPrivileged && platform == nil && engine.store.runsConfiguredPlatform
        let note = PullNotes(progress, unpacks: followsLayers)
        if policy == .always { engine.store.forget(reference) }
        if followsLayers {
            let result = try await engine.store.pullAndUnpack(reference, policy: policy, note: note)
            return (result.image, result.timings, result.unpacking)
        }
        let (image, timings) = try await engine.store.pull(reference, policy: policy, platform: platform) { note.pulled($0) }
        var unpacking = Duration.zero
        if engine.hostFeatures.isPrivileged, Platform.current.runs(image.platform) {
            unpacking = try await engine.store.unpack(image, note: note).duration
        }
        note.end(image)
        return (image, timings, unpacking)
    }

    /// Copies an image from an OCI image layout on disk, every byte verified, and unpacks it.
    ///
    /// - Parameters:
    ///   - layout: a directory with `oci-layout`, `index.json` and `blobs`.
    ///   - tag: the entry with this tag; nil where there is only one.
    ///   - name: its name here.
    ///   - progress: told of what happens to each blob; it ends with the import.
    @discardableResult
    public func importLayout(
        _ layout: FilePath, tag: String? = nil, as name: String, progress: TransferEvents? = nil
    ) async throws(ContainerError) -> Image {
        defer { progress?.finish() }
        try engine.expectOpen()
        let note = PullNotes(progress, unpacks: engine.hostFeatures.isPrivileged)
        let reference = try engine.store.reference(name)
        let content = engine.store.content
        let platform = engine.configuration.platform
        engine.store.forget(reference)
        let image = try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) {
                return try content.importLayout(layout, tag: tag, as: reference, platform: platform) { note.pulled($0) }
            } catch { throw ContainerError(error, image: name) }
        }
        if engine.hostFeatures.isPrivileged { _ = try await engine.store.unpack(image, note: note) }
        note.end(image)
        return image
    }

    /// All images, by name. One whose blobs are not all there, or that has none for this platform, is left out.
    public func list() async throws(ContainerError) -> [Image] {
        try engine.expectOpen()
        let content = engine.store.content
        let platform = engine.configuration.platform
        return try await engine.blocking { () throws(ContainerError) in
            do throws(ImageError) {
                var images: [Image] = []
                for (reference, _) in try content.names() {
                    do throws(ImageError) {
                        if let image = try content.image(reference, platform: platform) { images.append(image) }
                    } catch { if error.code != .noMatchingPlatform { throw error } }
                }
                return images.sorted { $0.reference.description < $1.reference.description }
            } catch { throw ContainerError(error, image: nil) }
        }
    }

    /// Removes a name, then every blob and layer that nothing needs any more: no name, no container, no running engine. This engine
    /// keeps the layers of what it has used until it ends.
    /// - Throws: `.notFound`; `.busy` while somebody pulls.
    public func remove(_ name: String) async throws(ContainerError) {
        try engine.expectOpen()
        let reference = try engine.store.reference(name)
        let content = engine.store.content
        try await engine.blocking { () throws(ContainerError) in
            let wasThere: Bool
            do throws(ImageError) { wasThere = try content.removeName(reference) } catch { throw ContainerError(error, image: name) }
            if !wasThere {
                throw ContainerError(.notFound, .image(name), "there is no such image", advice: "List the images of this root.")
            }
        }
        engine.store.forget(reference)
        try await collectGarbage()
    }

    /// Removes blobs and layers that nothing needs.
    /// - Throws: `.busy` while somebody pulls.
    public func collectGarbage() async throws(ContainerError) { try await collectGarbage(droppingPartialDownloads: false) }

    /// - Parameter droppingPartialDownloads: whether downloads that broke off, and could be resumed, are removed too.
    func collectGarbage(droppingPartialDownloads: Bool) async throws(ContainerError) {
        let store = engine.store
        let directories = engine.directories
        let platform = engine.configuration.platform
        let (kept, lock) = try await engine.blocking { () throws(ContainerError) in
            var (kept, lock) = try store.lease.all()
            // What containers are made of: their layers, and what a commit needs.
            var manifests: Set<Digest> = []
            for name in try DirectoryNames.list(directories.containers) {
                guard let record = try ContainerRecord.read(directories.containers.appending(name).appending("config.json")) else {
                    continue
                }
                kept.formUnion(record.layers.compactMap(LayerKey.init(hex:)))
                if let manifest = record.manifest, let digest = try? Digest(manifest) { manifests.insert(digest) }
            }
            do throws(ImageError) {
                // What was pulled a moment ago and has a name is held by the name.
                try store.content.collectGarbage(
                    keepingYoungerThan: .zero, keeping: manifests, droppingPartialDownloads: droppingPartialDownloads)
                for (reference, _) in try store.content.names() {
                    guard let image = try? store.content.image(reference, platform: platform) else { continue }
                    kept.formUnion(LayerKey.candidates(of: image.configuration))
                }
            } catch { throw ContainerError(error, image: nil) }
            return (kept, lock)
        }
        do throws(BundleError) { try await store.layers.remove(keeping: kept) } catch {
            throw ContainerError(.storage, .path(directories.layers), "layers cannot be removed", cause: error)
        }
        withExtendedLifetime(lock) {}
    }
}

extension Image: ImageSource {
    /// Itself, whatever its name means by now.
    public var containerSource: ContainerSource { ContainerSource(kind: .image(self)) }
}
