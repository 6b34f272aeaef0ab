/// One way in which the archive of a layer is compressed.
protocol LayerDecoder: AnyObject {
    /// Decodes into `output`; 0 at the end.
    func read(from blob: BlobReader, into output: UnsafeMutableRawBufferPointer) throws(UnpackFailure) -> Int
}

/// An archive that is not compressed.
final class PlainDecoder: LayerDecoder {
    private var isFirst = true

    func read(from blob: BlobReader, into output: UnsafeMutableRawBufferPointer) throws(UnpackFailure) -> Int {
        try blob.fill(atLeast: isFirst ? 4 : 1)
        if isFirst {
            isFirst = false
            if unsafe Self.looksCompressed(blob.available) { throw UnpackFailure(.wrongCompression) }
        }
        let count = unsafe min(blob.available.count, output.count)
        unsafe output.copyMemory(from: UnsafeRawBufferPointer(rebasing: blob.available[..<count]))
        blob.consume(count)
        return count
    }

    /// gzip or zstd where none was announced. (A tar header that begins so would name a file of control bytes.)
    private static func looksCompressed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 4 else { return false }
        return unsafe (bytes[0] == 0x1f && bytes[1] == 0x8b && bytes[2] == 8)
            || (bytes[0] == 0x28 && bytes[1] == 0xb5 && bytes[2] == 0x2f && bytes[3] == 0xfd)
    }
}
