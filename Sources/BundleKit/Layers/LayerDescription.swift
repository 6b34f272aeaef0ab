internal import Crypto
public import LinuxSystem
public import OCIModel

/// One layer of an image: a row of the manifest's `layers`, with its row of the configuration's `rootfs.diff_ids`.
public struct LayerDescription: Sendable, Hashable {
    /// `application/vnd.oci.image.layer.v1.tar+gzip` and its kin, or Docker's.
    public var mediaType: String
    /// Digest of the blob, `sha256:<hex>`.
    public var digest: String
    /// Bytes of the blob.
    public var size: UInt64
    /// Digest of the archive without compression, `sha256:<hex>`.
    public var diffID: String

    public init(mediaType: String, digest: String, size: UInt64, diffID: String) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.diffID = diffID
    }

    /// Joins the manifest's layers with the configuration's diff IDs.
    /// - Throws: `.layerCountMismatch`, `.damagedLayer` for a negative size.
    public static func join(
        _ manifest: ImageManifest, _ configuration: ImageConfiguration
    ) throws(BundleError) -> [LayerDescription] {
        let diffIDs = configuration.rootfs.diffIDs
        guard manifest.layers.count == diffIDs.count else {
            throw BundleError(
                .layerCountMismatch, .image,
                "The manifest has \(manifest.layers.count) layers, the configuration \(diffIDs.count) diff IDs: the image was made wrongly."
            )
        }
        var layers: [LayerDescription] = []
        for (layer, diffID) in zip(manifest.layers, diffIDs) {
            guard let size = UInt64(exactly: layer.size) else {
                throw BundleError(.damagedLayer, .layer(layer.digest.description, entry: nil), "Its size \(layer.size) is negative.")
            }
            layers.append(
                LayerDescription(
                    mediaType: layer.mediaType.rawValue, digest: layer.digest.description, size: size, diffID: diffID.description))
        }
        return layers
    }
}

/// Where the unpacker gets blobs from: a content store.
public protocol LayerSource: Sendable {
    /// Opens the verified blob of a layer for reading, at its start.
    func openLayer(_ layer: LayerDescription) async throws -> SharedDescriptor
}

/// The name of a finished layer in the store: 64 hexadecimal digits. A digest's text never becomes a path unchecked.
public struct LayerKey: Sendable, Hashable, CustomStringConvertible {
    /// The digits.
    public let hex: String

    public var description: String { hex }

    /// Nil unless it is 64 lower-case hexadecimal digits.
    public init?(hex: String) {
        guard hex.utf8.count == 64, hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
        self.hex = hex
    }

    /// Nil unless it is `sha256:` and such digits.
    init?(digest: String) {
        guard digest.hasPrefix("sha256:") else { return nil }
        self.init(hex: String(digest.dropFirst(7)))
    }

    fileprivate init(hashing text: String) { hex = BundleError.hex(Array(SHA256.hash(data: Array(text.utf8)))) }

    var bytes: [UInt8] {
        let digits = Array(hex.utf8).map { $0 < 0x3a ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

/// The names under which the layers of one image may lie in the store.
///
/// A layer that needed nothing of those below it is the same in every image: its name is its diff ID. Another is settled on what lies
/// below: its name comes from its chain ID (image-spec 1.1, config.md), and is marked, since the chain ID of a lowest layer is its diff ID.
struct LayerKeys: Sendable, Hashable {
    var shared: LayerKey
    var settled: LayerKey
    /// `sha256:<hex>`.
    var chainID: String

    /// - Throws: `.invalidOption` for a diff ID that is no SHA-256.
    static func of(_ layers: [LayerDescription]) throws(BundleError) -> [LayerKeys] {
        var keys: [LayerKeys] = []
        var chain: String?
        for layer in layers {
            guard let shared = LayerKey(digest: layer.diffID) else {
                throw BundleError(.damagedLayer, .layer(layer.digest, entry: nil), "Its diff ID \(layer.diffID) is no SHA-256 digest.")
            }
            let next = chain.map { "sha256:" + LayerKey(hashing: "\($0) \(layer.diffID)").hex } ?? layer.diffID
            chain = next
            keys.append(LayerKeys(shared: shared, settled: LayerKey(hashing: "settled \(next)"), chainID: next))
        }
        return keys
    }
}
