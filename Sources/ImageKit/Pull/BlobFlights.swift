internal import OCIModel

/// One download at a time of a digest, however many pulls want it.
actor BlobFlights {
    private struct Waiter {
        var number: Int
        var continuation: CheckedContinuation<Void, any Error>
    }

    /// Those who wait for a digest that somebody downloads.
    private var waiting: [Digest: [Waiter]] = [:]
    private var lastNumber = 0

    /// Runs `body` when nobody else runs one for this digest.
    /// - Throws: `CancellationError` at once when the task is cancelled while it waits.
    func alone(_ digest: Digest, _ body: @Sendable () async throws -> Void) async throws {
        try await takeTurn(digest)
        defer { handOver(digest) }
        try Task.checkCancellation()
        try await body()
    }

    private func takeTurn(_ digest: Digest) async throws {
        guard waiting[digest] != nil else {
            waiting[digest] = []
            return
        }
        lastNumber += 1
        let number = lastNumber
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiting[digest]?.append(Waiter(number: number, continuation: continuation))
            }
        } onCancel: {
            Task { await self.leave(digest, number) }
        }
    }

    /// Has no effect on one who got the turn in the meantime.
    private func leave(_ digest: Digest, _ number: Int) {
        guard let index = waiting[digest]?.firstIndex(where: { $0.number == number }) else { return }
        waiting[digest]?.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    private func handOver(_ digest: Digest) {
        guard var queue = waiting[digest] else { return }
        if queue.isEmpty {
            waiting[digest] = nil
        } else {
            let next = queue.removeFirst()
            waiting[digest] = queue
            next.continuation.resume()
        }
    }
}
