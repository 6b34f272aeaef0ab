internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel
internal import Synchronization

/// Large blobs over several connections, each chunk by a Range request.
extension RegistryClient {
    /// Whether a Range request gets the range. A failure is a no: the one connection that is there goes on.
    func servesRanges(_ descriptor: Descriptor, _ reference: Reference, at offset: Int64) async -> Bool {
        var request = blobRequest(descriptor, reference)
        request.headers = [("Range", "bytes=\(offset)-\(offset)")]
        do {
            return try await send(request) { response, _ in
                let works =
                    response.status.code == 206 && ContentRange(response) == ContentRange(offset..<(offset + 1), of: descriptor.size)
                if works { await self.drain(response) }
                return works
            }
        } catch { return false }
    }

    /// Everything from the frontier on.
    func chunks(
        _ ingest: BlobIngest, _ reference: Reference, _ follower: (any BlobFollower)?, _ progress: @escaping @Sendable (Int64) -> Void
    ) async throws {
        let ledger = ChunkLedger(from: ingest.size, to: ingest.descriptor.size)
        let received = ReceivedCount(ingest.size)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<configuration.connectionsPerBlob {
                    group.addTask {
                        while true {
                            // Chunks are taken in order and each has its room, so the one at the frontier is never left waiting.
                            try await AheadBudget.shared.acquire()
                            guard let chunk = await ledger.take() else { return await AheadBudget.shared.release(1) }
                            try await self.chunk(chunk, ingest, reference) { count in
                                progress(received.add(count))
                            }
                            let frontier = await ledger.complete(chunk)
                            try await BlockingWork.run { try ingest.advance(to: frontier) }
                            await AheadBudget.shared.release(await ledger.settle(ingest.size))
                            try await follower?.room()
                        }
                    }
                }
                try await group.waitForAll()
            }
        } catch {
            await AheadBudget.shared.release(await ledger.abandon())
            throw error
        }
    }

    private func chunk(
        _ chunk: Range<Int64>, _ ingest: BlobIngest, _ reference: Reference, _ count: @escaping @Sendable (Int64) -> Void
    ) async throws {
        let written = Mutex(chunk.lowerBound)
        var request = blobRequest(ingest.descriptor, reference)
        request.lateHeaders = { [("Range", "bytes=\(written.withLock { $0 })-\(chunk.upperBound - 1)")] }
        let subject = request.subject
        try await send(request) { response, touch in
            try Self.checkEncoding(response, subject)
            var offset = written.withLock { $0 }
            guard response.status.code == 206, ContentRange(response) == ContentRange(offset..<chunk.upperBound, of: ingest.descriptor.size)
            else { throw ImageError(.protocolViolation, subject, "the registry sends another range than it was asked for") }
            var gathered: [ByteBuffer] = []
            var size: Int64 = 0
            func flush() async throws {
                let (buffers, start, length) = (gathered, offset, size)
                gathered = []
                size = 0
                try await BlockingWork.run { try ingest.write(buffers, at: start) }
                offset += length
                written.withLock { $0 = start + length }
                count(length)
            }
            for try await buffer in response.body {
                touch()
                size += Int64(buffer.readableBytes)
                guard offset + size <= chunk.upperBound else {
                    throw ImageError(.oversizedBody, subject, "the registry sends more than the range it was asked for")
                }
                gathered.append(buffer)
                if size >= Self.batch { try await flush() }
            }
            if size > 0 { try await flush() }
            guard offset == chunk.upperBound else {
                throw ImageError(.shortBody, subject, "a range ended \(chunk.upperBound - offset) bytes early")
            }
        }
    }
}

/// Bytes of a blob that have come, over all of its connections.
private final class ReceivedCount: Sendable {
    private let count: Mutex<Int64>
    init(_ count: Int64) { self.count = Mutex(count) }
    func add(_ more: Int64) -> Int64 {
        count.withLock { count in
            count += more
            return count
        }
    }
}

/// Which chunks of a blob are under way, and how far it is complete from its start.
actor ChunkLedger {
    static let chunkSize: Int64 = 2 << 20

    private var next: Int64
    private let end: Int64
    private var frontier: Int64
    /// Complete, but not the ones before them.
    private var islands: [Int64: Int64] = [:]
    /// Chunks taken and not yet hashed: ends.
    private var held: [Int64] = []

    init(from start: Int64, to end: Int64) {
        next = start
        frontier = start
        self.end = end
    }

    /// - Returns: nil when all are taken.
    func take() -> Range<Int64>? {
        guard next < end else { return nil }
        let chunk = next..<min(end, next + Self.chunkSize)
        next = chunk.upperBound
        held.append(chunk.upperBound)
        return chunk
    }

    /// - Returns: how far the blob is complete from its start.
    func complete(_ chunk: Range<Int64>) -> Int64 {
        islands[chunk.lowerBound] = chunk.upperBound
        while let end = islands.removeValue(forKey: frontier) { frontier = end }
        return frontier
    }

    /// - Returns: how many chunks lie before `hashed` and had not been counted.
    func settle(_ hashed: Int64) -> Int {
        let before = held.count
        held.removeAll { $0 <= hashed }
        return before - held.count
    }

    /// - Returns: how many chunks were still held.
    func abandon() -> Int {
        defer { held = [] }
        return held.count
    }
}

/// How much of all blobs of this program may lie ahead of their frontiers: sixteen chunks, 32 MiB.
actor AheadBudget {
    static let shared = AheadBudget()
    private var free = 16
    private var waiting: [(number: Int, continuation: CheckedContinuation<Void, any Error>)] = []
    private var lastNumber = 0

    /// Room for one chunk.
    func acquire() async throws {
        if free > 0 {
            free -= 1
            return
        }
        lastNumber += 1
        let number = lastNumber
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiting.append((number, continuation))
            }
        } onCancel: {
            Task { await self.leave(number) }
        }
    }

    func release(_ count: Int) {
        for _ in 0..<count {
            if waiting.isEmpty { free += 1 } else { waiting.removeFirst().continuation.resume() }
        }
    }

    private func leave(_ number: Int) {
        guard let index = waiting.firstIndex(where: { $0.number == number }) else { return }
        waiting.remove(at: index).continuation.resume(throwing: CancellationError())
    }
}
