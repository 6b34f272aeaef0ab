internal import ShimKit
internal import Synchronization

/// Reads streams while something is waited for, looks for a text, and gives everything back.
final class OutputTail: Sendable {
    /// Bytes kept of each stream; then it is not read any further.
    private static let limit = 16 << 20
    private let text: [UInt8]?
    private let state = Mutex(State())

    private struct State {
        var read: [(stream: ContainerOutput, chunks: [[UInt8]])] = []
        var last: [UInt8] = []
        var matched = false
        var waiter: CheckedContinuation<Void, any Error>?
    }

    init(containing text: String?) { self.text = text.map { Array($0.utf8) } }

    /// Reads until the end, the limit, or cancellation.
    func drain(_ stream: ContainerOutput) async throws {
        let slot = state.withLock { state in
            state.read.append((stream, []))
            return state.read.count - 1
        }
        var count = 0
        var line: [UInt8] = []
        var iterator = stream.makeAsyncIterator()
        while count < Self.limit, let chunk = try await iterator.next() {
            count += chunk.count
            state.withLock { $0.read[slot].chunks.append(chunk) }
            look(at: chunk, after: &line)
        }
    }

    /// Looks at the lines of a log file.
    func follow(_ log: LogFollower) async throws {
        var line: [UInt8] = []
        while let chunk = try await log.next(follow: true) { look(at: chunk, after: &line) }
    }

    private func look(at chunk: [UInt8], after line: inout [UInt8]) {
        var found = false
        if let text {
            for byte in chunk {
                if byte == UInt8(ascii: "\n") {
                    found = found || Self.contains(line, text)
                    line.removeAll(keepingCapacity: true)
                } else if line.count < 1 << 16 {
                    line.append(byte)
                }
            }
            found = found || Self.contains(line, text)
        }
        let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            state.last = Array((state.last + chunk).suffix(2048))
            guard found else { return nil }
            state.matched = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    private static func contains(_ line: [UInt8], _ text: [UInt8]) -> Bool {
        guard !text.isEmpty, line.count >= text.count else { return text.isEmpty }
        return (0...(line.count - text.count)).contains { line[$0] == text[0] && line[$0..<($0 + text.count)].elementsEqual(text) }
    }

    func waitForMatch() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let done = state.withLock { state -> Result<Void, any Error>? in
                    if state.matched { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiter = continuation
                    return nil
                }
                if let done { continuation.resume(with: done) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// Whether the text comes within a moment: the streams of a container that has ended are not read to their ends yet.
    func matches(within limit: Duration) async -> Bool {
        let end = ContinuousClock.now + limit
        while !state.withLock({ $0.matched }) {
            if ContinuousClock.now > end || Task.isCancelled { return false }
            try? await Task.sleep(for: .milliseconds(2))
        }
        return true
    }

    /// What was read is there again for the next reader.
    func giveBack() {
        let read = state.withLock { state in
            defer { state.read = [] }
            return state.read
        }
        for (stream, chunks) in read { stream.unread(chunks) }
    }

    /// The last lines of both streams, as they arrived.
    var lastLines: String {
        let text = String(decoding: state.withLock { $0.last }, as: UTF8.self)
        return text.split(separator: "\n").suffix(10).joined(separator: "\n")
    }
}
