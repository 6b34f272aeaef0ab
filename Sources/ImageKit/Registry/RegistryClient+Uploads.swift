internal import AsyncHTTPClient
internal import LinuxSystem
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

/// Uploads of blobs. See: distribution-spec 1.1, "Push".
extension RegistryClient {
    /// Whether the repository has the blob.
    func hasBlob(_ descriptor: Descriptor, in reference: Reference) async throws -> Bool {
        var request = blobRequest(descriptor, reference)
        request.method = .HEAD
        request.expected = [404]
        request.scopes = Self.pushScopes(reference)
        request.capability = [.push]
        return try await send(request) { response, _ in response.status.code == 200 }
    }

    static func pushScopes(_ reference: Reference) -> [TokenScope] {
        [TokenScope(resource: "repository:\(reference.repository)", actions: ["pull", "push"])]
    }

    /// What became of the wish to have a blob of another repository.
    enum UploadStart: Sendable {
        /// The registry took it over from there.
        case mounted
        /// An upload, at this address.
        case upload(location: String)
    }

    /// Begins an upload.
    /// - Parameter source: a repository of the same registry that is believed to have the blob.
    func startUpload(_ descriptor: Descriptor, to reference: Reference, from source: String?) async throws -> UploadStart {
        var path = "blobs/uploads/"
        var request = Request(reference.registry, reference.repository, path, subject: .blob(descriptor.digest))
        request.scopes = Self.pushScopes(reference)
        if let source {
            path += "?mount=\(descriptor.digest)&from=\(source)"
            request.scopes.append(TokenScope(resource: "repository:\(source)", actions: ["pull"]))
        }
        request.path = path
        request.method = .POST
        request.capability = [.push]
        request.body = { .bytes(ByteBuffer()) }
        let subject = request.subject
        return try await send(request) { response, _ in
            await self.drain(response)
            if response.status.code == 201 { return .mounted }
            return .upload(location: try Self.location(of: response, subject))
        }
    }

    static func location(of response: HTTPClientResponse, _ subject: ImageError.Subject) throws -> String {
        guard let location = response.headers.first(name: "Location"), !location.isEmpty else {
            throw ImageError(.protocolViolation, subject, "the registry does not say where the upload goes on")
        }
        return location
    }

    /// Sends a blob in one request.
    ///
    /// - Parameter open: the blob's bytes, from their start; called for each attempt.
    func upload(
        _ descriptor: Descriptor, to reference: Reference, at location: String, chunk: Int64?, open: @escaping BlobOpener,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        var location = location
        if let chunk {
            var offset: Int64 = 0
            while offset < descriptor.size {
                let end = min(descriptor.size, offset + chunk)
                location = try await patch(descriptor, offset..<end, to: reference, at: location, open: open, progress: progress)
                offset = end
            }
        }
        var request = uploadRequest(descriptor, reference, .PUT)
        request.location = location + (location.contains("?") ? "&" : "?") + "digest=\(descriptor.digest)"
        if chunk == nil {
            request.headers = [("Content-Type", "application/octet-stream")]
            request.body = { try Self.body(open, 0..<descriptor.size, progress) }
        } else {
            request.body = { .bytes(ByteBuffer()) }
        }
        try await send(request) { response, _ in await self.drain(response) }
    }

    private func uploadRequest(_ descriptor: Descriptor, _ reference: Reference, _ method: HTTPMethod) -> Request {
        var request = Request(reference.registry, reference.repository, "blobs/uploads/", subject: .blob(descriptor.digest))
        request.method = method
        request.capability = [.push]
        request.scopes = Self.pushScopes(reference)
        return request
    }

    private func patch(
        _ descriptor: Descriptor, _ range: Range<Int64>, to reference: Reference, at location: String, open: @escaping BlobOpener,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> String {
        var request = uploadRequest(descriptor, reference, .PATCH)
        request.location = location
        request.headers = [
            ("Content-Type", "application/octet-stream"), ("Content-Range", "\(range.lowerBound)-\(range.upperBound - 1)"),
        ]
        request.body = { try Self.body(open, range, progress) }
        let subject = request.subject
        return try await send(request) { response, _ in
            await self.drain(response)
            return try Self.location(of: response, subject)
        }
    }

    /// Reads as it is sent, on another thread.
    private static func body(
        _ open: BlobOpener, _ range: Range<Int64>, _ progress: @escaping @Sendable (Int64) -> Void
    ) throws -> HTTPClientRequest.Body {
        let region = try open()
        return .stream(BlobBytes(region: region, range: range, progress: progress), length: .known(range.upperBound - range.lowerBound))
    }
}

/// Opens a blob's bytes. Blocks.
typealias BlobOpener = @Sendable () throws -> FileRegion

/// A part of a file, which lies in an archive or is one of its own.
struct FileRegion: Sendable {
    var file: SharedDescriptor
    var offset: Int64
    var size: Int64
}

/// Bytes of a file in pieces, read when they are asked for.
struct BlobBytes: AsyncSequence, Sendable {
    typealias Element = ByteBuffer
    var region: FileRegion
    var range: Range<Int64>
    var progress: @Sendable (Int64) -> Void = { _ in }

    func makeAsyncIterator() -> Iterator { Iterator(bytes: self, offset: range.lowerBound) }

    struct Iterator: AsyncIteratorProtocol {
        let bytes: BlobBytes
        var offset: Int64

        mutating func next() async throws -> ByteBuffer? {
            guard offset < bytes.range.upperBound else { return nil }
            let (region, start) = (bytes.region, offset)
            let count = Int(Swift.min(1 << 18, bytes.range.upperBound - offset))
            let buffer = try await BlockingWork.run { try region.read(at: start, count) }
            offset += Int64(buffer.readableBytes)
            bytes.progress(offset)
            return buffer
        }
    }
}
