import CLinux
import Crypto
import Glibc
import SystemPackage
import TestSupport

/// Every fact of a tree that an image carries, a line for each name.
enum TreeListing {
    /// A name that a directory lists and nobody can look at.
    struct Unreadable: Error { var path: FilePath }

    static func of(_ root: FilePath) throws -> [String: String] {
        var lines: [String: String] = [:]
        try add(root.string, "", &lines)
        return lines
    }

    /// What differs, as "name: ours | theirs". Where their tree has the time of unpacking, which no image says, times are not compared.
    static func difference(_ ours: [String: String], _ theirs: [String: String], since start: Int) -> [String] {
        Set(ours.keys).union(theirs.keys).sorted().compactMap { name in
            guard var one = ours[name], var other = theirs[name] else {
                return "\(name): \(ours[name] ?? "missing") | \(theirs[name] ?? "missing")"
            }
            if other.hasPrefix("4"), time(other) >= start { (one, other) = (timeless(one), timeless(other)) }
            return one == other ? nil : "\(name): \(one) | \(other)"
        }
    }

    private static func time(_ line: String) -> Int {
        line.split(separator: " ").dropFirst(2).first?.split(separator: ".").first.flatMap { Int($0) } ?? 0
    }

    private static func timeless(_ line: String) -> String {
        var words = line.split(separator: " ")
        words.remove(at: 2)
        return words.joined(separator: " ")
    }

    // Paths are strings here: a hundred thousand values of FilePath take a debug build a minute.
    private static func add(_ path: String, _ name: String, _ lines: inout [String: String]) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw Unreadable(path: FilePath(path)) }
        let kind = status.st_mode & 0o170000
        var line = "\(String(status.st_mode, radix: 8)) \(status.st_uid):\(status.st_gid)"
        line += " \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        switch kind {
        case 0o100000: line += " links \(status.st_nlink) size \(status.st_size) \(try contents(path, Int(status.st_size)))"
        case 0o120000: line += " links \(status.st_nlink) -> \(Files.link(FilePath(path)) ?? "?")"
        case 0o020000, 0o060000: line += " links \(status.st_nlink) device \(status.st_rdev)"
        default: break
        }
        if llistxattr(path, nil, 0) > 0 {
            var list = [CChar](repeating: 0, count: 65536)
            let count = max(0, llistxattr(path, &list, list.count))
            let names = list[..<count].split(separator: 0).map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }
            for name in names.sorted() where !name.contains("overlay.") {
                line += " \(name)=\((attribute(name, of: FilePath(path)) ?? []).map { String($0, radix: 16) }.joined())"
            }
        }
        lines[name] = line
        guard kind == 0o040000 else { return }
        for child in Files.names(in: FilePath(path)) ?? [] { try add(path + "/" + child, name + "/" + child, &lines) }
    }

    /// A digest, or what little there is.
    private static func contents(_ path: String, _ size: Int) throws -> String {
        guard size < 32 else { return String(TestImage.hex(try Files.read(FilePath(path))).prefix(16)) }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Unreadable(path: FilePath(path)) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 32)
        return String(decoding: bytes[..<max(0, read(file, &bytes, 32))], as: UTF8.self).debugDescription
    }
}
