internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

extension RegistryClient {
    /// Bytes that are gathered before they are written and hashed, on another thread.
    private static let batch = 1 << 20

    /// Downloads a blob into the store: written, hashed and counted as it comes.
    ///
    /// - Parameters:
    ///   - follower: told of the bytes as they come; it slows the download down when it cannot follow.
    ///   - progress: bytes so far; called at most once a MiB, and again from 0 when a broken download starts anew.
    func download(
        _ descriptor: Descriptor, of reference: Reference, into store: ContentStore, follower: (any BlobFollower)? = nil,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        let request = Request(
            endpoint: RegistryEndpoint(reference.registry, configuration), repository: reference.repository,
            path: "blobs/\(descriptor.digest)", subject: .blob(descriptor.digest))
        try await get(request) { response, touch in
            try Self.checkEncoding(response, request.subject)
            if let length = response.headers.first(name: "Content-Length").flatMap({ Int64($0) }), length != descriptor.size {
                throw ImageError(
                    length < descriptor.size ? .shortBody : .oversizedBody, request.subject,
                    "the registry sends \(length) bytes instead of \(descriptor.size)")
            }
            let ingest = try await BlockingWork.run { try BlobIngest(descriptor, into: store, follower: follower) }
            do {
                try await Self.receive(response, into: ingest, descriptor.size, follower, touch, progress)
            } catch {
                // At once, not when the last thread that held it lets go.
                ingest.discard()
                throw error
            }
        }
    }

    private static func receive(
        _ response: HTTPClientResponse, into ingest: BlobIngest, _ expected: Int64, _ follower: (any BlobFollower)?,
        _ touch: @Sendable () -> Void, _ progress: @Sendable (Int64) -> Void
    ) async throws {
        var gathered: [ByteBuffer] = []
        var size = 0
        func flush() async throws {
            let buffers = gathered
            gathered = []
            size = 0
            try await BlockingWork.run { try ingest.write(buffers) }
            progress(ingest.size)
            // Time that is spent here is the reader's, not the registry's.
            try await follower?.room()
            touch()
        }
        for try await chunk in response.body {
            touch()
            size += chunk.readableBytes
            gathered.append(chunk)
            // One byte too many is noticed when it comes, not when the batch is full.
            if size >= batch || ingest.size + Int64(size) > expected { try await flush() }
        }
        if size > 0 { try await flush() }
        try await BlockingWork.run { try ingest.finish() }
    }
}
