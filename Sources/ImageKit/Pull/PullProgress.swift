public import OCIModel

/// What a pull is doing.
public enum PullProgress: Sendable, Hashable {
    /// Asking the registry what the name points at.
    case resolving(Reference)
    /// The blobs that the image consists of.
    case resolved(Digest, blobs: [Descriptor])
    case blob(Digest, BlobState)
    /// The name stands in the store.
    case done(Digest)

    public enum BlobState: Sendable, Hashable {
        /// For another download to end.
        case waiting
        case downloading(ByteCount, of: ByteCount)
        /// Size and digest hold; it is in the store.
        case verified
        /// It was in the store.
        case alreadyPresent
    }
}

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
    public var resolve: Duration = .zero
    public var download: Duration = .zero
    /// Bytes that came over the network.
    public var downloadedBytes: ByteCount = .bytes(0)
}
