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
        let suited = manifests.compactMap { manifest in
            manifest.platform.flatMap(platform.preference).map { (preference: $0, manifest: manifest) }
        }
        let greatest = suited.map(\.preference).max()
        return suited.first { $0.preference == greatest }?.manifest
            ?? (manifests.count == 1 && manifests[0].platform == nil ? manifests[0] : nil)
    }
}
