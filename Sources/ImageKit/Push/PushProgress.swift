public import OCIModel

/// What a push or a copy is doing.
public enum TransferProgress: Sendable, Hashable {
    /// The blobs that are needed at the destination.
    case started(Digest, blobs: [Descriptor])
    case blob(Digest, BlobState)
    /// The destination has the manifest.
    case done(Digest)

    public enum BlobState: Sendable, Hashable {
        case waiting
        case transferring(ByteCount, of: ByteCount)
        /// The destination has verified it.
        case transferred
        /// The destination took it over from another repository of its own.
        case mounted
        /// The destination had it.
        case alreadyPresent
    }
}
