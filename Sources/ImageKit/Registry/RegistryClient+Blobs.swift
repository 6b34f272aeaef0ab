internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

extension RegistryClient {
    /// Bytes that are gathered before they are written and hashed, on another thread.
    static let batch = 1 << 20

    /// Downloads a blob into the store: written, hashed and counted as it comes, from where an earlier download ended.
    ///
    /// - Parameters:
    ///   - follower: it slows the download down when it cannot follow.
    ///   - progress: bytes so far; called at most once a MiB, and again from 0 when a download starts anew.
    func download(
        _ ingest: BlobIngest, of reference: Reference, follower: (any BlobFollower)? = nil,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        do {
            try await BlockingWork.run { try ingest.resume(progress) }
            let wasResumed = ingest.size > 0
            do { try await transfer(ingest, reference, follower, progress) } catch let error as ImageError
                where wasResumed && error.code == .digestMismatch
            {
                // What was found on disk may have been at fault.
                try await BlockingWork.run { try ingest.restart() }
                try await transfer(ingest, reference, follower, progress)
            }
        } catch {
            // At once, not when the last thread that held it lets go.
            let code = (error as? ImageError)?.code
            let isVoid = code == .digestMismatch || code == .oversizedBody
            try? await BlockingWork.finish { isVoid ? ingest.discard() : ingest.keep() }
            throw error
        }
    }

    private func transfer(
        _ ingest: BlobIngest, _ reference: Reference, _ follower: (any BlobFollower)?,
        _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        if ingest.size < ingest.descriptor.size || ingest.size == 0 {
            let end = try await stream(ingest, reference, follower, progress)
            if end == .slow { try await chunks(ingest, reference, follower, progress) }
        }
        try await BlockingWork.run { try ingest.finish() }
    }

    func blobRequest(_ descriptor: Descriptor, _ reference: Reference) -> Request {
        Request(reference.registry, reference.repository, "blobs/\(descriptor.digest)", subject: .blob(descriptor.digest))
    }

    // MARK: one connection

    enum StreamEnd: Sendable { case complete, slow }

    /// Everything from the frontier on, over one connection.
    /// - Returns: `.slow` when the rest should rather come over several.
    private func stream(
        _ ingest: BlobIngest, _ reference: Reference, _ follower: (any BlobFollower)?,
        _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> StreamEnd {
        var request = blobRequest(ingest.descriptor, reference)
        request.expected = [416]
        request.lateHeaders = { ingest.size > 0 ? [("Range", "bytes=\(ingest.size)-")] : [] }
        let subject = request.subject
        return try await send(request) { response, touch in
            try Self.checkEncoding(response, subject)
            let size = ingest.descriptor.size
            let start = ingest.size
            switch response.status.code {
            case 206:
                guard start > 0, ContentRange(response) == ContentRange(start..<size, of: size) else {
                    throw ImageError(.protocolViolation, subject, "the registry sends another range than it was asked for")
                }
            case 416:
                await self.drain(response)
                guard start > 0 else { throw ImageError(.protocolViolation, subject, "the registry refuses a range nobody asked for") }
                try await BlockingWork.run { try ingest.restart() }
                throw ImageError(.shortBody, subject, "the registry has no more of it than was there")
            default:
                // It ignores ranges.
                if start > 0 { try await BlockingWork.run { try ingest.restart() } }
            }
            let rest = size - ingest.size
            if let length = response.headers.first(name: "Content-Length").flatMap({ Int64($0) }), length != rest {
                throw ImageError(
                    length < rest ? .shortBody : .oversizedBody, subject, "the registry sends \(length) bytes instead of \(rest)")
            }
            return try await self.receive(response, into: ingest, reference, follower, touch, progress)
        }
    }

    private func receive(
        _ response: HTTPClientResponse, into ingest: BlobIngest, _ reference: Reference, _ follower: (any BlobFollower)?,
        _ touch: @escaping @Sendable () -> Void, _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> StreamEnd {
        var gathered: [ByteBuffer] = []
        var size = 0
        let expected = ingest.descriptor.size
        func flush() async throws {
            let buffers = gathered
            gathered = []
            size = 0
            try await BlockingWork.run { try ingest.write(buffers) }
            progress(ingest.size)
        }
        var speed = ConnectionSpeed(at: ingest.size)
        var probe: Task<Bool, Never>?
        defer { probe?.cancel() }
        let accepts = response.headers.first(name: "Accept-Ranges")?.lowercased()
        let maySplit = configuration.connectionsPerBlob > 1 && accepts != "none"
        do {
            for try await chunk in response.body {
                touch()
                size += chunk.readableBytes
                gathered.append(chunk)
                // One byte too many is noticed when it comes, not when the batch is full.
                if size < Self.batch && ingest.size + Int64(size) <= expected { continue }
                try await flush()
                // Time that is spent here is the reader's, not the registry's.
                let waited = ContinuousClock.now
                try await follower?.room()
                speed.pause(.now - waited)
                touch()
                guard maySplit, expected - ingest.size >= ChunkLedger.chunkSize * 4 else { continue }
                speed.note(ingest.size)
                if speed.isSlow, probe == nil {
                    // The connection goes on until it is known that the registry serves ranges.
                    let offset = ingest.size
                    let found = SplitDecision()
                    probe = Task {
                        let works = await self.servesRanges(ingest.descriptor, reference, at: offset)
                        found.set(works)
                        return works
                    }
                    speed.decision = found
                }
                if speed.decision?.works == true { return .slow }
            }
        } catch {
            // What has come is worth keeping, as far as the file system lets us.
            if size > 0, ingest.size + Int64(size) <= expected { try? await flush() }
            throw error
        }
        if size > 0 { try await flush() }
        guard ingest.size == expected else {
            throw ImageError(.shortBody, .blob(ingest.descriptor.digest), "it ended after \(ingest.size) of \(expected) bytes")
        }
        return .complete
    }
}
