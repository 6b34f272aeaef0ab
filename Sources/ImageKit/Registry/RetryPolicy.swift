/// When a request is tried again, and after how long.
struct RetryPolicy: Sendable {
    var retries: Int
    var longestDelay: Duration

    /// - Parameters:
    ///   - attempt: 0 for the first retry.
    ///   - retryAfter: how long the registry wants us to wait, where it says so.
    ///   - random: 0…1.
    /// - Returns: nil when it is enough.
    func delay(attempt: Int, retryAfter: Duration?, random: Double = .random(in: 0...1)) -> Duration? {
        guard attempt < retries else { return nil }
        // A little more than asked for: those who were told the same do not return together.
        if let retryAfter { return min(max(.zero, retryAfter) + .milliseconds(Int64(250 * random)), longestDelay) }
        // Exponential from 200 ms, half of it random: many programs that failed together do not return together.
        let base = 200.0 * Double(1 << min(attempt, 10))
        return min(.milliseconds(Int64(base * (0.5 + 0.5 * random))), longestDelay)
    }

    static func isTransient(_ status: Int) -> Bool {
        status == 429 || status == 408 || ((500...599).contains(status) && status != 501)
    }
}
