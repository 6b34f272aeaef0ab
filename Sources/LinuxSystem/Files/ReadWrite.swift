internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// Writes all of `bytes` at the file's offset.
    package borrowing func writeAll(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
        let descriptor = rawValue
        var rest = bytes
        while !rest.isEmpty {
            let written = try retrying { ck_write(descriptor, rest.baseAddress, rest.count) }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }

    /// Writes all of `bytes` at the file's offset.
    package borrowing func write(_ bytes: [UInt8]) throws(Errno) {
        let descriptor = rawValue
        var written = 0
        while written < bytes.count {
            let start = written
            written += try retrying {
                bytes.withUnsafeBytes { bytes in ck_write(descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start) }
            }
        }
    }

    /// Writes a string in one write(2), as the files of procfs and cgroupfs want it.
    /// - Throws: `Errno.ioError` when the kernel took only a part.
    package borrowing func write(_ text: String) throws(Errno) {
        let descriptor = rawValue
        let bytes = Array(text.utf8)
        if try retrying({ ck_write(descriptor, bytes, bytes.count) }) != bytes.count { throw .ioError }
    }

    /// Reads once, up to the size of the buffer; 0 at the end of the file.
    package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) throws(Errno) -> Int {
        let descriptor = rawValue
        return try retrying { ck_read(descriptor, buffer.baseAddress, buffer.count) }
    }

    /// Reads until the end of the file.
    /// - Throws: `Errno.fileTooLarge` when there is more than `limit`.
    package borrowing func readAll(limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        let descriptor = rawValue
        while true {
            let count = try retrying { ck_read(descriptor, &chunk, chunk.count) }
            if count == 0 { return bytes }
            if bytes.count + count > limit { throw .fileTooLarge }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
