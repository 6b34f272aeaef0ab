internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Small files of procfs, sysfs and cgroupfs.
enum HostFile {
    /// Its text.
    /// - Throws: the errno of open or read.
    static func text(_ path: String, limit: Int = 1 << 20) throws(Errno) -> String {
        let bytes = try OwnedDescriptor.open(path, flags: O_RDONLY).readAll(limit: limit)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Its text without white space at the ends; nil when it cannot be read.
    static func trimmed(_ path: String) -> String? {
        guard let text = try? text(path) else { return nil }
        return text.trimmingASCIISpace
    }

    /// What a symbolic link says; nil for what is none.
    static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink(path, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}

extension String {
    /// Without spaces, tabs and newlines at both ends.
    var trimmingASCIISpace: String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\0" }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
