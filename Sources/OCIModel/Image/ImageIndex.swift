/// A list of manifests, one for each platform. See: image-spec 1.1, image-index.md.
public struct ImageIndex: Sendable, Hashable, Codable {
    /// 2.
    public var schemaVersion: Int
    public var mediaType: MediaType?
    public var artifactType: MediaType?
    public var manifests: [Descriptor]
    public var subject: Descriptor?
    public var annotations: [String: String]?

    public init(manifests: [Descriptor], mediaType: MediaType? = .imageIndex) {
        schemaVersion = 2
        self.mediaType = mediaType
        self.manifests = manifests
    }

    /// The first manifest that runs on `platform`; one without a platform only when it is the only one.
    public func manifest(for platform: Platform) -> Descriptor? {
        manifests.first { $0.platform.map(platform.runs) ?? false }
            ?? (manifests.count == 1 && manifests[0].platform == nil ? manifests[0] : nil)
    }
}
