internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Reads a blob in chunks and keeps what was not used yet. The buffer is reused: bytes are valid until the next `fill`.
@safe final class BlobReader {
    private let descriptor: CInt
    private let buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private(set) var consumed: UInt64 = 0
    private(set) var atEnd = false
    private let frontier: BlobFrontier?

    /// Lends the descriptor for the life of this value.
    /// - Parameter frontier: of a blob that is still on its way; nil when all of it is there.
    init(_ descriptor: CInt, frontier: BlobFrontier? = nil, capacity: Int = 256 << 10) {
        self.descriptor = descriptor
        self.frontier = frontier
        unsafe buffer = .allocate(byteCount: max(capacity, 64), alignment: 64)
    }

    deinit { unsafe buffer.deallocate() }

    /// What is at hand and not used.
    var available: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(rebasing: buffer[start..<end]) }

    func consume(_ count: Int) {
        start += count
        consumed += UInt64(count)
    }

    /// Makes at least `count` bytes available; fewer only at the end of the blob.
    func fill(atLeast count: Int = 1) throws(UnpackFailure) {
        if end - start >= count || atEnd { return }
        if start > 0 {
            unsafe buffer.baseAddress?.copyMemory(from: buffer.baseAddress.unsafelyUnwrapped + start, byteCount: end - start)
            end -= start
            start = 0
        }
        while end < count {
            var room = unsafe buffer.count - end
            if let frontier { room = min(room, try frontier.bytesAhead(of: consumed + UInt64(end - start))) }
            let target = unsafe buffer.baseAddress?.advanced(by: end)
            let got: Int
            do { got = try retrying { unsafe ck_read(descriptor, target, room) } } catch { throw .system(error) }
            if got == 0 {
                // Behind a frontier it means: no byte is ahead, and none will come.
                atEnd = true
                return
            }
            end += got
        }
    }

    /// The next byte, consumed.
    func byte() throws(UnpackFailure) -> UInt8 {
        try fill()
        guard end > start else { throw UnpackFailure(.truncatedStream) }
        let value = unsafe buffer[start]
        consume(1)
        return value
    }
}
