internal import Glibc
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import SystemPackage

extension FileRegion {
    /// Bytes of the region, as many as are asked for. Blocks.
    /// - Throws: `Errno.ioError` when the file is shorter than it was.
    func read(at offset: Int64, _ count: Int) throws(Errno) -> ByteBuffer {
        let count = Int(min(Int64(count), max(0, size - offset)))
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let start = self.offset + offset + Int64(buffer.readableBytes)
            let wanted = count - buffer.readableBytes
            var failure: Errno?
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { bytes in
                let got = pread(file.rawValue, bytes.baseAddress, wanted, off_t(start))
                if got <= 0 { failure = got == 0 ? .ioError : Errno(rawValue: errno) }
                return max(0, got)
            }
            if let failure, failure != .interrupted { throw failure }
        }
        return buffer
    }
}

extension FileRegion {
    /// Writes bytes at an offset. Blocks.
    func write(_ buffer: ByteBuffer, at offset: Int64) throws(Errno) {
        var done = 0
        while done < buffer.readableBytes {
            let start = self.offset + offset + Int64(done)
            let count = buffer.withUnsafeReadableBytes { bytes in
                pwrite(file.rawValue, bytes.baseAddress.map { $0 + done }, bytes.count - done, off_t(start))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw Errno(rawValue: errno)
            }
            done += count
        }
    }
}
