internal import OCIModel

/// How a program asks a container whether it is well: by a command run in it, for as long as the program holds the container.
public struct HealthCheck: Sendable, Hashable, Codable {
    /// Exit code 0 is well.
    public var command: [String]
    /// From the end of one check to the next. 30 seconds by default.
    public var interval = Duration.seconds(30)
    /// A check that takes longer is killed and has failed. 30 seconds by default.
    public var timeout = Duration.seconds(30)
    /// After the start: failures do not count yet. None by default.
    public var startPeriod = Duration.zero
    /// So many failures in a row and it is unhealthy. 3 by default.
    public var retries = 3

    /// A check with the defaults.
    public init(_ command: [String]) { self.command = command }

    /// A line for the image's shell.
    public init(shell line: String) { self.init(["/bin/sh", "-c", line]) }

    /// Nothing is asked, whatever the image says.
    public static let none = HealthCheck([])

    /// The image's HEALTHCHECK; nil where it has none.
    init?(_ image: ImageConfiguration.Healthcheck?) {
        guard let image, let test = image.test, let kind = test.first else { return nil }
        switch kind {
        case "CMD" where test.count > 1: self.init(Array(test.dropFirst()))
        case "CMD-SHELL" where test.count > 1: self.init(shell: test[1])
        default: return nil
        }
        func set(_ value: Int64?, _ field: inout Duration) { if let value, value > 0 { field = .nanoseconds(value) } }
        set(image.interval, &interval)
        set(image.timeout, &timeout)
        set(image.startPeriod, &startPeriod)
        if let count = image.retries, count > 0 { retries = count }
    }
}

/// What checks have found.
public enum HealthStatus: Sendable, Hashable {
    /// No check has succeeded yet, and not enough have failed.
    case starting
    /// The last one succeeded, or not enough have failed since.
    case healthy
    /// Too many have failed in a row.
    case unhealthy
}

/// From the results of checks to a status. No clock and no effects.
struct HealthState: Sendable, Hashable {
    private(set) var status = HealthStatus.starting
    private var failures = 0

    /// - Returns: the status, when this result changed it.
    mutating func record(success: Bool, inStartPeriod: Bool, retries: Int) -> HealthStatus? {
        let before = status
        if success {
            failures = 0
            status = .healthy
        } else if !(inStartPeriod && status == .starting) {
            failures += 1
            if failures >= max(1, retries) { status = .unhealthy }
        }
        return status == before ? nil : status
    }
}
