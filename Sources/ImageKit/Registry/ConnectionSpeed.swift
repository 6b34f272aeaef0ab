internal import AsyncHTTPClient
internal import NIOHTTP1
internal import Synchronization

/// Whether one connection is so slow that several would be faster.
struct ConnectionSpeed {
    /// Bytes a second below which it is.
    static let slow: Int64 = 32 << 20
    /// Sooner nothing can be said of it.
    static let shortestLook = Duration.milliseconds(200)

    private let start = ContinuousClock.now
    private let first: Int64
    private var idle = Duration.zero
    private(set) var isSlow = false
    /// What came of asking whether the registry serves ranges.
    var decision: SplitDecision?

    init(at offset: Int64) { first = offset }

    /// Time in which nothing was asked of the connection.
    mutating func pause(_ time: Duration) { idle += time }

    mutating func note(_ offset: Int64) {
        let elapsed = ContinuousClock.now - start - idle
        guard elapsed >= Self.shortestLook else { return }
        isSlow = (offset - first) * 1000 / max(1, elapsed.milliseconds) < Self.slow
    }
}

/// Set by one task, read by another.
final class SplitDecision: Sendable {
    private let answer = Mutex<Bool?>(nil)
    func set(_ works: Bool) { answer.withLock { $0 = works } }
    var works: Bool? { answer.withLock { $0 } }
}

/// The Content-Range header: `bytes 0-1023/4096`. See: RFC 9110, section 14.4.
struct ContentRange: Hashable {
    var bytes: Range<Int64>
    var total: Int64

    init(_ bytes: Range<Int64>, of total: Int64) {
        self.bytes = bytes
        self.total = total
    }

    /// - Returns: nil where there is none, or none that says all of it.
    init?(_ response: HTTPClientResponse) {
        guard let header = response.headers.first(name: "Content-Range") else { return nil }
        self.init(header)
    }

    init?(_ header: String) {
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bytes" else { return nil }
        let numbers = parts[1].split(whereSeparator: { $0 == "-" || $0 == "/" }).map { Int64($0) }
        guard numbers.count == 3, let start = numbers[0], let end = numbers[1], let total = numbers[2], start >= 0, start <= end,
            end < total
        else { return nil }
        self.init(start..<(end + 1), of: total)
    }
}
