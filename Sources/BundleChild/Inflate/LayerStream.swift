internal import Crypto

/// The bytes of a layer's archive: inflated, counted, bounded and hashed on their way.
@safe final class LayerStream {
    private let blob: BlobReader
    private let decoder: any LayerDecoder
    private let output: UnsafeMutableRawBufferPointer
    private var hash = SHA256()
    private let limits: UnpackLimits
    private(set) var produced: UInt64 = 0

    init(
        blob descriptor: CInt, frontier: BlobFrontier? = nil, compression: LayerCompression, limits: UnpackLimits, chunk: Int = 256 << 10
    ) throws(UnpackFailure) {
        self.limits = limits
        blob = BlobReader(descriptor, frontier: frontier, capacity: chunk)
        switch compression {
        case .none: decoder = PlainDecoder()
        case .gzip: decoder = GzipDecoder()
        case .zstd: decoder = try ZstdDecoder(windowLog: limits.zstdWindowLog)
        }
        unsafe output = .allocate(byteCount: chunk, alignment: 64)
    }

    deinit { unsafe output.deallocate() }

    /// Bytes of the blob that were used.
    var consumed: UInt64 { blob.consumed }

    /// The next bytes, valid until the next call; empty at the end.
    func next() throws(UnpackFailure) -> UnsafeRawBufferPointer {
        let count = try unsafe decoder.read(from: blob, into: output)
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: output[..<count])
        produced += UInt64(count)
        guard produced <= limits.totalBytes else { throw UnpackFailure(.tooLarge) }
        if produced > limits.ratioFloor, produced / max(blob.consumed, 1) > limits.compressionRatio {
            throw UnpackFailure(.compressionBomb)
        }
        unsafe hash.update(bufferPointer: bytes)
        return unsafe bytes
    }

    /// The digest of all bytes so far.
    func digest() -> [UInt8] { Array(hash.finalize()) }
}
