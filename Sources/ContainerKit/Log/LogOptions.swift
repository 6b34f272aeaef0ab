public import OCIModel

/// How a logger keeps the output of a container: with the time and the stream of each line, in files of bounded size.
public struct LogOptions: Sendable, Hashable, Codable {
    /// The form of the files.
    public enum Form: String, Sendable, Hashable, Codable {
        /// Docker's json-file.
        case json
        /// That of the Kubernetes Container Runtime Interface.
        case cri
    }

    /// Docker's, unless said otherwise.
    public var form = Form.json
    /// A new file begins when one would pass this. 16 MiB by default.
    public var fileSize = ByteCount.mebibytes(16)
    /// Files that are kept, the one that is written to included; 4 by default.
    public var fileCount = 4

    /// The defaults.
    public init() {}
}

/// A line of a container's log, or a part of one.
public struct LogEntry: Sendable, Hashable {
    /// Which stream it came from.
    public enum Stream: String, Sendable, Hashable {
        /// Standard output, or a terminal.
        case standardOutput = "stdout"
        /// Standard error.
        case standardError = "stderr"
    }

    /// Where it came from.
    public var stream: Stream
    /// When it was read, RFC 3339 in UTC with nanoseconds: these sort as text.
    public var time: String
    /// With its line feed; without one, the line goes on in the next entry of the stream.
    public var bytes: [UInt8]

    /// As text; invalid UTF-8 is repaired.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
