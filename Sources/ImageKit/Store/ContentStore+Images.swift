internal import FoundationEssentials
public import OCIModel
internal import SystemPackage

extension ContentStore {
    /// The image that a name stands for, for a platform; nil when the store lacks the name or one of its blobs.
    /// - Throws: `.noMatchingPlatform`, `.malformedDocument`.
    public func image(_ reference: Reference, platform: Platform = .current) throws(ImageError) -> Image? {
        guard let root = try descriptor(for: reference) else { return nil }
        guard let found = try manifest(root, platform, reference) else { return nil }
        for blob in [found.manifest.config] + found.manifest.layers where !isThere(blob.digest) { return nil }
        return Image(
            reference: reference, digest: root.digest, manifestDigest: found.digest, manifest: found.manifest,
            configuration: try configuration(of: found.manifest, for: found.digest == root.digest ? platform : nil, reference))
    }

    /// An image by the digest of its manifest, whatever names there are; nil when the store lacks it or one of its blobs.
    /// - Parameters:
    ///   - digest: of the manifest.
    ///   - reference: the name that the result has.
    package func image(manifest digest: Digest, as reference: Reference) throws(ImageError) -> Image? {
        guard contains(digest) else { return nil }
        guard case .manifest(let manifest) = try ManifestDocument(document(digest), type: nil, .blob(digest)) else { return nil }
        for blob in [manifest.config] + manifest.layers where !isThere(blob.digest) { return nil }
        return Image(
            reference: reference, digest: digest, manifestDigest: digest, manifest: manifest,
            configuration: try configuration(of: manifest, for: nil, reference))
    }

    /// The manifest for a platform below a descriptor; nil when a document on the way is not in the store.
    private func manifest(
        _ root: Descriptor, _ platform: Platform, _ reference: Reference
    ) throws(ImageError) -> (digest: Digest, manifest: ImageManifest)? {
        var next = root
        for _ in 0...ManifestDocument.deepestIndex {
            guard contains(next.digest) else { return nil }
            switch try ManifestDocument(document(next.digest), type: next.mediaType, .reference(reference)) {
            case .manifest(let manifest): return (next.digest, manifest)
            case .index(let index): next = try Self.choose(index, platform, reference)
            }
        }
        throw ImageError(
            .malformedDocument, .reference(reference), "indexes lead to indexes more than \(ManifestDocument.deepestIndex) deep")
    }

    static func choose(_ index: ImageIndex, _ platform: Platform, _ reference: Reference) throws(ImageError) -> Descriptor {
        if let chosen = index.manifest(for: platform) { return chosen }
        let present = Set(index.manifests.compactMap { $0.platform?.description }).sorted().joined(separator: ", ")
        throw ImageError(
            .noMatchingPlatform, .reference(reference),
            "there is no image for \(platform), only for: \(present.isEmpty ? "none that is named" : present)")
    }

    /// - Parameter platform: what the image must be for, where no index said so; nil when one did.
    /// - Throws: `.noMatchingPlatform`, `.malformedDocument`.
    func configuration(
        of manifest: ImageManifest, for platform: Platform?, _ reference: Reference
    ) throws(ImageError) -> ImageConfiguration {
        let configuration = try Document.decode(
            ImageConfiguration.self, document(manifest.config.digest), .blob(manifest.config.digest))
        guard configuration.rootfs.diffIDs.count == manifest.layers.count else {
            throw ImageError(
                .malformedDocument, .reference(reference),
                "the manifest has \(manifest.layers.count) layers, its configuration \(configuration.rootfs.diffIDs.count)")
        }
        let own = Platform(os: configuration.os, architecture: configuration.architecture, variant: configuration.variant)
        if let platform, !platform.runs(own) {
            throw ImageError(.noMatchingPlatform, .reference(reference), "it is an image for \(own), not for \(platform)")
        }
        return configuration
    }

    /// Stores a document whose digest has been verified.
    func put(_ bytes: [UInt8], _ descriptor: Descriptor, for lease: ContentLease) throws(ImageError) {
        if try claim(descriptor.digest, for: lease) { return }
        let ingest = try BlobIngest(descriptor, into: self)
        var failure: ImageError?
        bytes.withUnsafeBytes { bytes in
            do throws(ImageError) { try ingest.write(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
        try ingest.finish()
    }
}
