internal import OCIModel
internal import Synchronization

/// The progress of one transfer, to be read while it runs.
///
/// ```swift
/// let events = TransferEvents()
/// async let image = puller.pull(reference, progress: events)
/// for await event in events { print(event) }
/// print(try await image.image.digest)
/// ```
/// The sequence ends with the transfer, however that ends, and never slows it down. What is kept for a slow reader is bounded: of each blob
/// only its newest state, so states in between may be missed and the last one never is. One transfer uses it, and one task reads it.
public final class TransferEvents: AsyncSequence, Sendable {
    public typealias Element = TransferProgress
    public typealias Failure = Never

    private struct State {
        /// What was not read yet, the oldest first. A blob stands in it once.
        var order: [Entry] = []
        var blobs: [Digest: TransferProgress.BlobState] = [:]
        var isFinished = false
        var reader: CheckedContinuation<TransferProgress?, Never>?
    }

    private enum Entry {
        case event(TransferProgress)
        case blob(Digest)
    }

    private let state = Mutex(State())

    /// Progress of a transfer that is to come.
    public init() {}

    /// Adds an event, or replaces what is kept of the blob. Never waits.
    package func note(_ event: TransferProgress) {
        let reader = state.withLock { state -> CheckedContinuation<TransferProgress?, Never>? in
            if state.isFinished { return nil }
            if let reader = state.reader {
                state.reader = nil
                return reader
            }
            if case .blob(let digest, let blob) = event {
                if state.blobs.updateValue(blob, forKey: digest) == nil { state.order.append(.blob(digest)) }
            } else {
                state.order.append(.event(event))
            }
            return nil
        }
        reader?.resume(returning: event)
    }

    /// Ends the sequence, behind what was not read yet. Safe to call again.
    package func finish() {
        let reader = state.withLock { state in
            state.isFinished = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }

    private func next() async -> TransferProgress? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let (event, isKnown) = state.withLock { state -> (TransferProgress?, Bool) in
                    if Task.isCancelled { return (nil, true) }
                    guard !state.order.isEmpty else {
                        // A second reader has nothing to wait for.
                        if state.isFinished || state.reader != nil { return (nil, true) }
                        state.reader = continuation
                        return (nil, false)
                    }
                    switch state.order.removeFirst() {
                    case .event(let event): return (event, true)
                    case .blob(let digest): return (state.blobs.removeValue(forKey: digest).map { .blob(digest, $0) }, true)
                    }
                }
                if isKnown { continuation.resume(returning: event) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(returning: nil)
        }
    }

    public func makeAsyncIterator() -> Iterator { Iterator(events: self) }

    /// Reads the events.
    public struct Iterator: AsyncIteratorProtocol {
        let events: TransferEvents

        /// The next event; nil when the transfer has ended, or the task is cancelled.
        public mutating func next() async -> TransferProgress? { await events.next() }
    }
}

extension TransferEvents? {
    /// What a transfer calls, from several threads.
    var note: @Sendable (TransferProgress) -> Void {
        guard let self else { return { _ in } }
        return { self.note($0) }
    }
}
