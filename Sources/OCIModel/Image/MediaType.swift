/// A media type. See: image-spec 1.1, media-types.md; Docker's image manifest version 2, schema 2.
public struct MediaType: RawRepresentable, Sendable, Hashable, Codable {
    public var rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let imageIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
    public static let imageManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
    public static let imageConfiguration = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
    public static let layer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
    public static let layerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
    public static let layerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")

    /// `{}`: the configuration of an artifact that has none.
    public static let empty = MediaType(rawValue: "application/vnd.oci.empty.v1+json")

    public static let dockerManifestList = MediaType(rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
    public static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
    public static let dockerConfiguration = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
    public static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
    public static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
    public static let dockerLayerZstd = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.zstd")

    /// An index, or Docker's manifest list.
    public var isIndex: Bool { self == .imageIndex || self == .dockerManifestList }
    /// A manifest of one image.
    public var isManifest: Bool { self == .imageManifest || self == .dockerManifest }
    /// A layer that can be unpacked.
    public var isLayer: Bool {
        [.layer, .layerGzip, .layerZstd, .dockerLayer, .dockerLayerGzip, .dockerLayerZstd].contains(self)
    }
}

extension MediaType: CustomStringConvertible {
    public var description: String { rawValue }
}
