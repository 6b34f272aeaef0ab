/// The manifest of one image: its configuration and its layers, the lowest first. See: image-spec 1.1, manifest.md.
public struct ImageManifest: Sendable, Hashable, Codable {
    /// 2.
    public var schemaVersion: Int
    public var mediaType: MediaType?
    public var artifactType: MediaType?
    public var config: Descriptor
    public var layers: [Descriptor]
    public var subject: Descriptor?
    public var annotations: [String: String]?

    public init(config: Descriptor, layers: [Descriptor], mediaType: MediaType? = .imageManifest) {
        schemaVersion = 2
        self.mediaType = mediaType
        self.config = config
        self.layers = layers
    }
}
