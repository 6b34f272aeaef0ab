public import ShimKit

/// What came of a container that ran to its end.
public struct RunResult: Sendable, Hashable {
    /// How its first process ended, and what it used.
    public var exit: ProcessExit
    /// What it wrote, as bytes; empty unless collected.
    public var outputBytes: [UInt8]
    /// What it wrote to standard error, as bytes; empty unless collected.
    public var errorBytes: [UInt8]
    /// Whether it wrote more than the limit; the rest was read and thrown away.
    public var isTruncated: Bool
    /// Where the time went.
    public var timings: RunTimings

    /// How its first process ended.
    public var status: ExitStatus { exit.status }
    /// What it wrote to standard output; invalid UTF-8 is repaired.
    public var standardOutput: String { String(decoding: outputBytes, as: UTF8.self) }
    /// What it wrote to standard error; invalid UTF-8 is repaired.
    public var standardError: String { String(decoding: errorBytes, as: UTF8.self) }
}

/// Where the time of a run went, by the caller's clock.
public struct RunTimings: Sendable, Hashable {
    /// Until the image was there and unpacked: next to nothing for one that was used before.
    public var image: Duration
    /// From there until the program was executed.
    public var launch: Duration
    /// From there until its first process had ended.
    public var running: Duration
    /// From there until nothing was left.
    public var removal: Duration
}

/// What came of a process that `Container.exec` ran.
public struct ExecResult: Sendable, Hashable {
    /// How it ended, and what it used.
    public var exit: ProcessExit
    /// What it wrote, as bytes; empty unless collected.
    public var outputBytes: [UInt8]
    /// What it wrote to standard error, as bytes; empty unless collected.
    public var errorBytes: [UInt8]
    /// Whether it wrote more than the limit.
    public var isTruncated: Bool

    /// How it ended.
    public var status: ExitStatus { exit.status }
    /// What it wrote to standard output; invalid UTF-8 is repaired.
    public var standardOutput: String { String(decoding: outputBytes, as: UTF8.self) }
    /// What it wrote to standard error; invalid UTF-8 is repaired.
    public var standardError: String { String(decoding: errorBytes, as: UTF8.self) }
}
