import CLinux
import Crypto
import Glibc
import SystemPackage

/// One number for all that is in a directory: names, types, modes, owners, times, links, contents.
enum TreeSum {
    static func of(_ root: String) throws -> String {
        var hash = SHA256()
        try add(root, "", to: &hash)
        return hash.finalize().prefix(8).map { String($0, radix: 16) }.joined(separator: "-")
    }

    private static func add(_ path: String, _ name: String, to hash: inout SHA256) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw Errno(rawValue: errno) }
        let time = "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        hash.update(data: Array("\(name) \(status.st_mode) \(status.st_uid) \(status.st_gid) \(status.st_nlink) \(time)\n".utf8))
        switch status.st_mode & S_IFMT {
        case S_IFDIR: for entry in try names(path) { try add("\(path)/\(entry)", "\(name)/\(entry)", to: &hash) }
        case S_IFREG: hash.update(data: try contents(path))
        case S_IFLNK:
            var target = [UInt8](repeating: 0, count: 4096)
            let count = target.withUnsafeMutableBytes { $0.baseAddress.map { readlink(path, $0, 4096) } ?? 0 }
            hash.update(data: target.prefix(max(0, count)))
        default: break
        }
    }

    static func names(_ path: String) throws -> [String] {
        guard let stream = opendir(path) else { throw Errno(rawValue: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func contents(_ path: String) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        return try file.closeAfter {
            var all: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 17)
            while true {
                let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                if count == 0 { return all }
                all += buffer.prefix(count)
            }
        }
    }
}
