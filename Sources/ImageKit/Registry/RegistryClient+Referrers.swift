internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
public import OCIModel

/// What refers to a manifest: signatures, bills of materials. See: distribution-spec 1.1, "Listing Referrers".
extension RegistryClient {
    /// Manifests whose `subject` is this one.
    ///
    /// Of a registry without the referrers API the index under the tag `sha256-<hex>` is read.
    /// - Parameters:
    ///   - digest: of the manifest that is referred to.
    ///   - repository: where it lies; tag and digest of the reference do not matter.
    ///   - artifactType: only those of this type; nil is all.
    public func referrers(
        of digest: Digest, in repository: Reference, artifactType: MediaType? = nil
    ) async throws(ImageError) -> [Descriptor] {
        try await typed(.reference(repository)) {
            var found: [Descriptor] = []
            if let list = try await self.referrersList(digest, repository) {
                found = list
            } else {
                found = try await self.fallbackIndex(digest, repository)?.manifests ?? []
            }
            // A filter of the registry's would have to be checked anyway.
            return found.filter { artifactType == nil || $0.artifactType == artifactType }
        }
    }

    /// - Returns: nil when the registry does not know the API.
    private func referrersList(_ digest: Digest, _ repository: Reference) async throws -> [Descriptor]? {
        var found: [Descriptor] = []
        var next: String?
        for page in 0..<1000 {
            if page > 0, next == nil { return found }
            var request = Request(
                repository.registry, repository.repository, "referrers/\(digest)", subject: .reference(repository))
            request.accept = [MediaType.imageIndex.rawValue]
            request.expected = [404, 405]
            request.capability = [.pull, .resolve]
            request.location = next
            let subject = request.subject
            let answer = try await send(request) { response, touch -> (ImageIndex, String?)? in
                guard response.status.code == 200 else {
                    await self.drain(response)
                    return nil
                }
                let bytes = try await Self.body(of: response, limit: ManifestDocument.limit, subject, touch)
                return (
                    try Document.decode(ImageIndex.self, bytes, subject), response.headers.first(name: "Link").flatMap(Self.nextPage)
                )
            }
            guard let answer else { return page == 0 ? nil : found }
            found += answer.0.manifests
            next = answer.1
        }
        throw ImageError(.protocolViolation, .reference(repository), "the registry's list of referrers does not end")
    }

    static func fallbackTag(_ digest: Digest) -> String { String("\(digest.algorithm.rawValue)-\(digest.hex)".prefix(128)) }

    private func fallbackIndex(_ digest: Digest, _ repository: Reference) async throws -> ImageIndex? {
        guard
            let tagged = try? Reference(
                registry: repository.registry, repository: repository.repository, tag: Self.fallbackTag(digest))
        else { return nil }
        do {
            let (bytes, _) = try await manifest(tagged, digest: nil)
            return try Document.decode(ImageIndex.self, bytes, .reference(tagged))
        } catch let error as ImageError where error.code == .notFound { return nil }
    }

    /// Notes a referrer in the index of the tag schema, where the registry does not do so itself.
    ///
    /// Two programs that do this at the same time may lose one of the two: the schema has no lock. It is read back and done once more.
    func noteReferrer(_ descriptor: Descriptor, of subject: Digest, in repository: Reference) async throws {
        for _ in 0..<3 {
            var index = try await fallbackIndex(subject, repository) ?? ImageIndex(manifests: [])
            if index.manifests.contains(where: { $0.digest == descriptor.digest }) { return }
            index.manifests.append(descriptor)
            let bytes = Array(try Document.encode(index, .reference(repository)).utf8)
            guard let digest = BlobHash.sha256(of: bytes) else { return }
            let entry = Descriptor(mediaType: .imageIndex, digest: digest, size: Int64(bytes.count))
            _ = try await putManifest(bytes, entry, to: repository, as: Self.fallbackTag(subject))
        }
        guard try await fallbackIndex(subject, repository)?.manifests.contains(where: { $0.digest == descriptor.digest }) == true else {
            throw ImageError(
                .serverFailed, .reference(repository), "the tag \(Self.fallbackTag(subject)) is changed by others all the time")
        }
    }
}
