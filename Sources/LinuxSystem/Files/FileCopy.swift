internal import CLinux
internal import Glibc
package import SystemPackage

/// Contents of files. See: man 2 ioctl_ficlone, man 2 copy_file_range, man 2 lseek.
package enum FileCopy {
    /// Copies all of a file into an empty one. Blocks.
    ///
    /// Shares the blocks where both lie on one file system that can; else the kernel copies, else we do. Holes stay holes.
    package static func contents(of source: CInt, to target: CInt) throws(Errno) {
        // FICLONE, linux/fs.h.
        if ck_ioctl(target, 0x4004_9409, CUnsignedLong(source)) == 0 { return }
        var status = stat()
        try check(ck_fstat(source, &status))
        let size = off_t(status.st_size)
        var offset: off_t = 0
        while offset < size {
            let data = lseek(source, offset, 3)  // SEEK_DATA
            if data < 0 { if errno == ENXIO { break } else { throw Errno(rawValue: errno) } }
            let end = lseek(source, data, 4)  // SEEK_HOLE
            if end < 0 { throw Errno(rawValue: errno) }
            try copyRange(source, target, Int64(data), Int64(end))
            offset = end
        }
        if ftruncate(target, size) != 0 { throw Errno(rawValue: errno) }
    }

    private static func copyRange(_ source: CInt, _ target: CInt, _ start: Int64, _ end: Int64) throws(Errno) {
        var (from, to) = (start, start)
        while from < end {
            let count = ck_copy_file_range(source, &from, target, &to, Int(end - from))
            if count > 0 { continue }
            if count == 0 { return }
            if count == -Int(EINTR) { continue }
            guard count == -Int(EXDEV) || count == -Int(EINVAL) || count == -Int(ENOSYS) || count == -Int(EOPNOTSUPP) else {
                throw Errno(rawValue: CInt(-count))
            }
            break
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while from < end {
            let count = pread(source, &buffer, min(buffer.count, Int(end - from)), off_t(from))
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw Errno(rawValue: errno) }
            if count == 0 { return }
            var written = 0
            while written < count {
                let more = buffer[written..<count].withUnsafeBytes {
                    pwrite(target, $0.baseAddress, $0.count, off_t(from) + off_t(written))
                }
                if more < 0 && errno == EINTR { continue }
                if more < 0 { throw Errno(rawValue: errno) }
                written += more
            }
            from += Int64(count)
        }
    }
}
