internal import NIOCore
internal import OCIModel

/// Gives the documents and blobs of one image.
protocol ImageSourceReader: Sendable {
    /// The manifest or index that was asked for.
    func root() async throws -> (bytes: [UInt8], descriptor: Descriptor)
    /// A manifest or index below it.
    /// - Returns: nil when the source does not have it.
    func document(_ descriptor: Descriptor) async throws -> [UInt8]?
    /// Whether the source has the blob: for what is on disk.
    func has(_ descriptor: Descriptor) async throws -> Bool
    /// The blob's bytes in a file, where they are in one.
    func region(_ descriptor: Descriptor) async throws -> FileRegion?
    /// Hands over the blob's bytes in pieces; they are not verified yet.
    /// - Parameter restart: called when what was handed over does not count any more.
    func stream(
        _ descriptor: Descriptor, restart: @escaping @Sendable () async throws -> Void,
        _ receive: @escaping @Sendable (ByteBuffer) async throws -> Void
    ) async throws
    /// The repository that the blobs are known to lie in, for a mount.
    var origin: Reference? { get }
}

/// Takes documents and blobs of one image.
protocol ImageDestinationWriter: Sendable {
    /// A blob, from the source; nothing where the destination has it.
    func put(
        _ descriptor: Descriptor, from source: any ImageSourceReader, progress: @escaping @Sendable (TransferProgress.BlobState) -> Void
    ) async throws
    /// A manifest or index below the root.
    func put(_ bytes: [UInt8], _ descriptor: Descriptor) async throws
    /// The root, which makes the image visible.
    func finish(_ bytes: [UInt8], _ descriptor: Descriptor) async throws
    /// Blobs that it takes at the same time.
    var width: Int { get }
}

/// Passes bytes on and tells in the end whether they were the blob.
struct VerifiedBytes {
    private let descriptor: Descriptor
    private var hash: BlobHash
    private(set) var size: Int64 = 0

    init(_ descriptor: Descriptor) {
        self.descriptor = descriptor
        hash = BlobHash(descriptor.digest.algorithm)
    }

    mutating func note(_ buffer: ByteBuffer) throws(ImageError) {
        size += Int64(buffer.readableBytes)
        if size > descriptor.size {
            throw ImageError(.oversizedBody, .blob(descriptor.digest), "more than the \(descriptor.size) bytes it should have came")
        }
        buffer.withUnsafeReadableBytes { hash.update($0) }
    }

    func finish() throws(ImageError) {
        guard size == descriptor.size else {
            throw ImageError(.shortBody, .blob(descriptor.digest), "it ended after \(size) of \(descriptor.size) bytes")
        }
        guard hash.digest == descriptor.digest else {
            throw ImageError(.digestMismatch, .blob(descriptor.digest), "what came has another digest")
        }
    }
}
