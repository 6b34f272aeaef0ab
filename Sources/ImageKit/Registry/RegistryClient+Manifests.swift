internal import AsyncHTTPClient
internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
public import OCIModel

/// Manifests put and deleted, tags listed. See: distribution-spec 1.1.
extension RegistryClient {
    /// Puts a manifest or index.
    ///
    /// - Parameter name: a tag or a digest.
    /// - Returns: whether the registry notes what a manifest with a `subject` refers to.
    func putManifest(_ bytes: [UInt8], _ descriptor: Descriptor, to reference: Reference, as name: String) async throws -> Bool {
        var request = Request(reference.registry, reference.repository, "manifests/\(name)", subject: .reference(reference))
        request.method = .PUT
        request.capability = [.push]
        request.scopes = Self.pushScopes(reference)
        request.headers = [("Content-Type", descriptor.mediaType.rawValue)]
        request.body = { .bytes(ByteBuffer(bytes: bytes)) }
        let subject = request.subject
        return try await send(request) { response, _ in
            await self.drain(response)
            if let named = response.headers.first(name: "Docker-Content-Digest").flatMap({ try? Digest($0) }),
                named.algorithm == descriptor.digest.algorithm, named != descriptor.digest
            {
                throw ImageError(.digestMismatch, subject, "the registry took the manifest for \(named), not \(descriptor.digest)")
            }
            return response.headers.first(name: "OCI-Subject") != nil
        }
    }

    /// All tags of a repository, in the registry's order; page after page.
    ///
    /// - Parameters:
    ///   - repository: a reference whose tag and digest do not matter.
    ///   - pageSize: how many the registry is asked for at once; nil leaves it to the registry.
    ///   - limit: at most so many, 100,000 by default.
    /// - Throws: `.notFound` when there is no such repository; `.protocolViolation` when pages never end.
    public func tags(of repository: Reference, pageSize: Int? = nil, limit: Int = 100_000) async throws(ImageError) -> [String] {
        try await typed(.reference(repository)) {
            var tags: [String] = []
            var next: String? = nil
            var isFirst = true
            while isFirst || next != nil {
                var request = Request(repository.registry, repository.repository, "tags/list", subject: .reference(repository))
                if isFirst, let pageSize { request.path += "?n=\(pageSize)" }
                request.capability = [.pull, .resolve]
                request.location = next
                isFirst = false
                let subject = request.subject
                let page = try await self.send(request) { response, touch in
                    let bytes = try await Self.body(of: response, limit: 16 << 20, subject, touch)
                    let link = response.headers.first(name: "Link").flatMap(Self.nextPage)
                    return (try Document.decode(TagList.self, bytes, subject).tags ?? [], link)
                }
                tags += page.0
                // A page that is empty and has a next one would go on for ever.
                if tags.count > limit || (page.0.isEmpty && page.1 != nil) {
                    throw ImageError(.protocolViolation, subject, "the registry's list of tags does not end")
                }
                next = page.1
            }
            return tags
        }
    }

    private struct TagList: Decodable, Sendable { var tags: [String]? }

    /// `</v2/app/tags/list?n=2&last=b>; rel="next"`. See: RFC 8288.
    static func nextPage(_ link: String) -> String? {
        for part in link.split(separator: ",") {
            guard let open = part.firstIndex(of: "<"), let close = part.firstIndex(of: ">"), open < close else { continue }
            let parameters = part[close...].lowercased().filter { $0 != "\"" && $0 != " " }
            if parameters.contains(";rel=next") { return String(part[part.index(after: open)..<close]) }
        }
        return nil
    }

    /// Deletes a manifest, and with it every tag that points at it; or, where the registry can do that, a tag alone.
    ///
    /// - Parameter reference: with a digest the manifest, else the tag.
    /// - Throws: `.unsupported` when the registry does not allow it (405), `.notFound`.
    public func delete(_ reference: Reference) async throws(ImageError) {
        try await delete("manifests/\(reference.digest?.description ?? reference.tag ?? "latest")", reference)
    }

    /// Deletes a blob of a repository.
    /// - Throws: `.unsupported` when the registry does not allow it (405), `.notFound`.
    public func deleteBlob(_ digest: Digest, from repository: Reference) async throws(ImageError) {
        try await delete("blobs/\(digest)", repository)
    }

    private func delete(_ path: String, _ reference: Reference) async throws(ImageError) {
        try await typed(.reference(reference)) {
            var request = Request(reference.registry, reference.repository, path, subject: .reference(reference), actions: ["delete"])
            request.method = .DELETE
            request.capability = [.push]
            request.expected = [405]
            let subject = request.subject
            try await self.send(request) { response, _ in
                await self.drain(response)
                if response.status.code == 405 { throw ImageError(.unsupported, subject, "the registry does not allow that it is deleted") }
            }
        }
    }

    /// What a name points at now, without its content.
    /// - Throws: `.notFound`.
    public func descriptor(of reference: Reference) async throws(ImageError) -> Descriptor {
        try await typed(.reference(reference)) { try await self.manifest(reference, digest: reference.digest).descriptor }
    }

    /// Errors of this kit only, and cancellation as one.
    func typed<Value: Sendable>(
        _ subject: ImageError.Subject, _ body: @Sendable () async throws -> Value
    ) async throws(ImageError) -> Value {
        do { return try await body() } catch let error as ImageError { throw error } catch is CancellationError {
            throw ImageError(.cancelled, subject, "the task was cancelled")
        } catch { throw ImageError(.serverFailed, subject, "it failed", cause: error) }
    }
}
