internal import FoundationEssentials
internal import OCIModel

/// A manifest or an index, told apart without trusting the server.
enum ManifestDocument {
    case manifest(ImageManifest)
    case index(ImageIndex)

    /// Bytes of the largest document that is read, as in containerd and Docker's registry.
    static let limit = 4 << 20
    /// How deep an index may lead to an index.
    static let deepestIndex = 3

    /// - Parameters:
    ///   - allowsArtifacts: whether the manifest may be of something else than an image.
    ///   - type: the media type that the descriptor or the response names; nil or JSON's own says nothing.
    /// - Throws: `.ambiguousManifest`, `.unsupportedMediaType`, `.malformedDocument`.
    init(_ bytes: [UInt8], type: MediaType?, _ subject: ImageError.Subject, allowsArtifacts: Bool = false) throws(ImageError) {
        let shape = try Document.decode(Shape.self, bytes, subject)
        let isIndex = shape.manifests != nil
        let isManifest = shape.layers != nil || shape.config != nil
        if isIndex && isManifest { throw ImageError(.ambiguousManifest, subject, "the document is an index and a manifest at once") }
        guard shape.schemaVersion == 2 else {
            throw ImageError(
                .unsupportedMediaType, subject, "its schema version is \(shape.schemaVersion.map(String.init) ?? "missing"), not 2")
        }
        let named = [type, shape.mediaType.map { MediaType(rawValue: $0) }].compactMap { $0 }.filter { !Self.saysNothing($0) }
        if let first = named.first, named.contains(where: { $0 != first }) {
            throw ImageError(.ambiguousManifest, subject, "it was served as \(first) and says it is \(named.last?.rawValue ?? "")")
        }
        if let type = named.first, !(isIndex ? type.isIndex : type.isManifest) {
            let known = type.isIndex || type.isManifest
            throw ImageError(
                known ? .ambiguousManifest : .unsupportedMediaType, subject,
                known ? "it says it is \(type), but does not look so" : "its media type \(type) is not one of an image")
        }
        if isIndex {
            self = .index(try Document.decode(ImageIndex.self, bytes, subject))
        } else {
            let manifest = try Document.decode(ImageManifest.self, bytes, subject)
            try Self.checkMembers(of: manifest, subject, allowsArtifacts: allowsArtifacts)
            self = .manifest(manifest)
        }
    }

    private static func checkMembers(
        of manifest: ImageManifest, _ subject: ImageError.Subject, allowsArtifacts: Bool
    ) throws(ImageError) {
        guard allowsArtifacts || [.imageConfiguration, .dockerConfiguration].contains(manifest.config.mediaType) else {
            throw ImageError(
                .unsupportedMediaType, subject, "its configuration is of type \(manifest.config.mediaType): an artifact, not an image")
        }
        for layer in manifest.layers {
            guard allowsArtifacts || layer.mediaType.isLayer else {
                throw ImageError(.unsupportedMediaType, subject, "its layer \(layer.digest) is of type \(layer.mediaType)")
            }
        }
        for descriptor in [manifest.config] + manifest.layers where descriptor.size < 0 {
            throw ImageError(.malformedDocument, subject, "the size of \(descriptor.digest) is negative")
        }
    }

    /// What it refers to.
    var subject: Descriptor? {
        switch self {
        case .manifest(let manifest): manifest.subject
        case .index(let index): index.subject
        }
    }

    /// Its own, else the type of its configuration. See: distribution-spec 1.1, "Listing Referrers".
    var artifactType: MediaType? {
        switch self {
        case .manifest(let manifest): manifest.artifactType ?? manifest.config.mediaType
        case .index(let index): index.artifactType
        }
    }

    var annotations: [String: String]? {
        switch self {
        case .manifest(let manifest): manifest.annotations
        case .index(let index): index.annotations
        }
    }

    private static func saysNothing(_ type: MediaType) -> Bool {
        ["application/json", "application/octet-stream", "text/plain", ""].contains(type.rawValue)
    }

    private struct Shape: Decodable {
        var schemaVersion: Int?
        var mediaType: String?
        var manifests: Anything?
        var layers: Anything?
        var config: Anything?
    }
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }
}
