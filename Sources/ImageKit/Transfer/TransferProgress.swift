public import OCIModel

/// What a pull, a push, an import, an export or a copy of an image is doing.
public enum TransferProgress: Sendable, Hashable {
    /// Asking the registry what the name points at.
    case resolving(Reference)
    /// The blobs that the image consists of: the configuration, then the layers, the lowest first.
    case started(Digest, blobs: [Descriptor])
    /// What became of one blob.
    case blob(Digest, BlobState)
    /// The image stands at its destination.
    case done(Digest)

    /// Where a blob is on its way.
    public enum BlobState: Sendable, Hashable {
        /// For its turn.
        case waiting
        /// On its way: so much of so much. It may begin anew.
        case transferring(ByteCount, of: ByteCount)
        /// All of it has come; size and digest are being compared.
        case verifying
        /// It is verified, and its layer is being unpacked.
        case unpacking
        /// The destination has it, verified, and its layer is unpacked where the transfer unpacks.
        case done
        /// The destination took it over from another repository of its own.
        case mounted
        /// The destination had it.
        case alreadyPresent

        /// Nothing more happens to the blob, unless its layer has to be unpacked still.
        public var isFinal: Bool { self == .done || self == .mounted || self == .alreadyPresent }

        /// The state after `count` of `size` bytes.
        static func moved(_ count: Int64, of size: Int64) -> BlobState {
            count < size ? .transferring(.bytes(count), of: .bytes(size)) : .verifying
        }
    }
}
