import Glibc
package import SystemPackage

/// Whole files, as tests read and write them.
package enum Files {
    /// 0644.
    package static let readable: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]

    package static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var contents: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { return contents }
                contents.append(contentsOf: chunk[..<count])
            }
        }
    }

    package static func text(_ path: FilePath) throws -> String { String(decoding: try read(path), as: UTF8.self) }

    package static func write(_ bytes: some Sequence<UInt8>, to path: FilePath, mode: FilePermissions = readable) throws {
        let file = try FileDescriptor.open(path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: mode)
        try file.closeAfter { _ = try file.writeAll(bytes) }
        guard chmod(path.string, mode.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    package static func write(_ text: String, to path: FilePath, mode: FilePermissions = readable) throws {
        try write(Array(text.utf8), to: path, mode: mode)
    }

    package static func exists(_ path: FilePath) -> Bool {
        var status = stat()
        return lstat(path.string, &status) == 0
    }

    /// The names in a directory, sorted, without `.` and `..`; nil where it cannot be read.
    package static func names(in path: FilePath) -> [String]? {
        guard let directory = opendir(path.string) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The numeric owner of a file, no link followed; nil when there is none.
    package static func owner(_ path: FilePath) -> UInt32? {
        var status = stat()
        return lstat(path.string, &status) == 0 ? status.st_uid : nil
    }

    /// Where a symbolic link points, unresolved; nil where it is none or is gone.
    package static func link(_ path: FilePath) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path.string, &buffer, buffer.count - 1)
        guard count >= 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
