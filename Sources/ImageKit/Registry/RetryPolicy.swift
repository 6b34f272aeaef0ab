/// When a request is tried again, and after how long.
struct RetryPolicy: Sendable {
    var retries: Int
    var longestDelay: Duration

    /// - Parameters:
    ///   - attempt: 0 for the first retry.
    ///   - retryAfter: the Retry-After header in seconds, where it is a number.
    ///   - random: 0…1.
    /// - Returns: nil when it is enough.
    func delay(attempt: Int, retryAfter: Int?, random: Double = .random(in: 0...1)) -> Duration? {
        guard attempt < retries else { return nil }
        if let retryAfter { return min(.seconds(max(0, retryAfter)), longestDelay) }
        // Exponential from 200 ms, half of it random: many programs that failed together do not return together.
        let base = 200.0 * Double(1 << min(attempt, 10))
        return min(.milliseconds(Int64(base * (0.5 + 0.5 * random))), longestDelay)
    }

    static func isTransient(_ status: Int) -> Bool {
        status == 429 || status == 408 || ((500...599).contains(status) && status != 501)
    }
}
