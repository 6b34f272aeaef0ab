public import OCIModel

/// When a registry is asked.
public enum PullPolicy: Sendable, Hashable {
    /// Each time; blobs that are there are not downloaded again.
    case always
    /// Only when the store does not have the name.
    case missing
    /// Never: the store has it, or it is an error.
    case never
}

/// How long the phases of a pull took.
public struct PullTimings: Sendable, Hashable {
    /// Until it was known what the name points at.
    public var resolve: Duration = .zero
    /// Until all blobs were verified and the name stood in the store.
    public var download: Duration = .zero
    /// Bytes that came over the network.
    public var downloadedBytes: ByteCount = .bytes(0)
}
