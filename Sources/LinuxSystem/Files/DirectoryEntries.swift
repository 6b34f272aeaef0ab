internal import CLinux
package import SystemPackage

/// The names in a directory, read by getdents64(2) without a DIR stream.
package enum DirectoryEntries {
    /// Calls `body` with the name and type (`DT_…`) of each entry; `.` and `..` aside.
    /// - Throws: the errno of getdents64(2) and what `body` throws.
    package static func forEach(
        in directory: borrowing OwnedDescriptor, _ body: ([UInt8], UInt8) throws(Errno) -> Void
    ) throws(Errno) {
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let descriptor = directory.rawValue
            let size = try retrying { ck_getdents(descriptor, &buffer, buffer.count) }
            if size == 0 { return }
            var offset = 0
            while offset + 19 <= size {
                // struct linux_dirent64: ino 8, off 8, reclen 2, type 1, name.
                let length = Int(buffer[offset + 16]) | Int(buffer[offset + 17]) << 8
                let type = buffer[offset + 18]
                let name = Array(buffer[(offset + 19)..<(offset + length)].prefix { $0 != 0 })
                offset += length
                if name != [46], name != [46, 46] { try body(name, type) }
            }
        }
    }
}
