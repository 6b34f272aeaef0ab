public import OCIModel

/// An image of the store, for one platform.
public struct Image: Sendable, Hashable {
    public var reference: Reference
    /// What the reference points at: the index where there is one, else the manifest. Pull by it to get the same again.
    public var digest: Digest
    /// Digest of this platform's manifest.
    public var manifestDigest: Digest
    public var manifest: ImageManifest
    public var configuration: ImageConfiguration

    /// Bytes of all layers as they are stored.
    public var compressedSize: ByteCount { .bytes(manifest.layers.reduce(0) { $0 + $1.size }) }
    /// What it is made for, as its configuration says.
    public var platform: Platform {
        Platform(os: configuration.os, architecture: configuration.architecture, variant: configuration.variant)
    }
    /// Digest of the configuration: what Docker calls the image's id.
    public var id: Digest { manifest.config.digest }
}
