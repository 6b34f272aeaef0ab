internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

extension RegistryClient {
    private static let manifestTypes: [MediaType] = [.imageIndex, .imageManifest, .dockerManifestList, .dockerManifest]

    /// A manifest or index as bytes, with the descriptor that its content gives it.
    ///
    /// - Parameter expected: what a descriptor or the reference demands; then its digest and size are verified.
    func manifest(
        _ reference: Reference, digest: Digest?, expected: Descriptor? = nil, allowsArtifacts: Bool = false
    ) async throws -> (bytes: [UInt8], descriptor: Descriptor) {
        var request = Request(
            reference.registry, reference.repository, "manifests/\(digest?.description ?? reference.tag ?? "latest")",
            subject: .reference(reference))
        request.accept = Self.manifestTypes.map(\.rawValue)
        request.capability = digest == nil ? [.pull, .resolve] : .pull
        let subject = request.subject
        return try await send(request) { response, touch in
            let bytes = try await Self.body(of: response, limit: ManifestDocument.limit, subject, touch)
            let type = response.headers.first(name: "Content-Type").map { MediaType(rawValue: Self.bare($0)) }
            let named = response.headers.first(name: "Docker-Content-Digest").flatMap { try? Digest($0) }
            for demanded in [digest, named].compactMap({ $0 }) where !BlobHash.matches(bytes, demanded) {
                throw ImageError(.digestMismatch, subject, "the manifest that came does not have the digest \(demanded)")
            }
            if let expected, expected.size != Int64(bytes.count) {
                throw ImageError(
                    Int64(bytes.count) < expected.size ? .shortBody : .oversizedBody, subject,
                    "the manifest has \(bytes.count) bytes instead of \(expected.size)")
            }
            guard let actual = digest ?? BlobHash.sha256(of: bytes) else {
                throw ImageError(.protocolViolation, subject, "the manifest cannot be hashed")
            }
            let document = try ManifestDocument(bytes, type: expected?.mediaType ?? type, subject, allowsArtifacts: allowsArtifacts)
            return (bytes, Descriptor(mediaType: document.mediaType(servedAs: type), digest: actual, size: Int64(bytes.count)))
        }
    }

    static func body(
        of response: HTTPClientResponse, limit: Int, _ subject: ImageError.Subject, _ touch: @Sendable () -> Void
    ) async throws -> [UInt8] {
        try checkEncoding(response, subject)
        var bytes: [UInt8] = []
        for try await chunk in response.body {
            touch()
            bytes.append(contentsOf: chunk.readableBytesView)
            if bytes.count > limit {
                throw ImageError(.oversizedBody, subject, "the document is larger than \(limit) bytes")
            }
        }
        return bytes
    }

    /// A proxy that compresses changes the bytes and so the digest.
    static func checkEncoding(_ response: HTTPClientResponse, _ subject: ImageError.Subject) throws(ImageError) {
        if let encoding = response.headers.first(name: "Content-Encoding"), encoding.lowercased() != "identity" {
            throw ImageError(.protocolViolation, subject, "it was sent with Content-Encoding \(encoding), which was not asked for")
        }
    }

    private static func bare(_ contentType: String) -> String {
        let type = contentType.prefix { $0 != ";" }
        return type.split(separator: " ").joined().lowercased()
    }
}

extension ManifestDocument {
    /// The type to note for it: what it says of itself, else how it was served, else by its shape.
    func mediaType(servedAs type: MediaType?) -> MediaType {
        switch self {
        case .manifest(let manifest): manifest.mediaType ?? type.flatMap { $0.isManifest ? $0 : nil } ?? .imageManifest
        case .index(let index): index.mediaType ?? type.flatMap { $0.isIndex ? $0 : nil } ?? .imageIndex
        }
    }
}
