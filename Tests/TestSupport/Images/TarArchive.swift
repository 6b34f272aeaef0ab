/// A tar archive made entry by entry, also such that no sane tool would write.
///
/// The format is POSIX ustar with pax records where a name, a link or an attribute does not fit (pax(1)).
package struct TarArchive: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// The kind of an entry, by the letter in its header.
    package enum Kind: UInt8, Sendable {
        case file = 0x30
        case hardLink = 0x31
        case symbolicLink = 0x32
        case characterDevice = 0x33
        case blockDevice = 0x34
        case directory = 0x35
        case fifo = 0x36
    }

    package mutating func directory(_ path: String, mode: UInt32 = 0o755, owner: UInt32 = 0, group: UInt32 = 0) {
        add(.directory, path.hasSuffix("/") ? path : path + "/", mode: mode, owner: owner, group: group)
    }

    package mutating func file(
        _ path: String, _ contents: [UInt8] = [], mode: UInt32 = 0o644, owner: UInt32 = 0, group: UInt32 = 0, modified: Int = 1_700_000_000,
        attributes: [String: [UInt8]] = [:]
    ) {
        add(.file, path, contents: contents, mode: mode, owner: owner, group: group, modified: modified, attributes: attributes)
    }

    package mutating func file(_ path: String, text: String, mode: UInt32 = 0o644) { file(path, Array(text.utf8), mode: mode) }
    package mutating func symbolicLink(_ path: String, to target: String) { add(.symbolicLink, path, link: target, mode: 0o777) }
    package mutating func hardLink(_ path: String, to target: String) { add(.hardLink, path, link: target) }

    /// An entry as given, without any check.
    package mutating func add(
        _ kind: Kind, _ path: String, link: String = "", contents: [UInt8] = [], mode: UInt32 = 0o644, owner: UInt32 = 0, group: UInt32 = 0,
        modified: Int = 1_700_000_000, nanoseconds: Int = 0, major: UInt32 = 0, minor: UInt32 = 0, attributes: [String: [UInt8]] = [:]
    ) {
        var records: [UInt8] = []
        if path.utf8.count > 100 { records += Self.record("path", Array(path.utf8)) }
        if link.utf8.count > 100 { records += Self.record("linkpath", Array(link.utf8)) }
        if nanoseconds > 0 {
            let digits = String(nanoseconds)
            records += Self.record("mtime", Array("\(modified).\(String(repeating: "0", count: 9 - digits.count))\(digits)".utf8))
        }
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) { records += Self.record("SCHILY.xattr." + name, value) }
        if !records.isEmpty { entry(0x78, "pax", "", records, 0o644, 0, 0, modified, 0, 0) }
        entry(kind.rawValue, path, link, contents, mode, owner, group, modified, major, minor)
    }

    /// Bytes as given: damaged headers, rubbish after the end.
    package mutating func raw(_ more: [UInt8]) { bytes += more }

    /// The archive with its two closing blocks.
    package func finished() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private mutating func entry(
        _ kind: UInt8, _ path: String, _ link: String, _ contents: [UInt8], _ mode: UInt32, _ owner: UInt32, _ group: UInt32,
        _ modified: Int, _ major: UInt32, _ minor: UInt32
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Sequence<UInt8>, at offset: Int, limit: Int) {
            for (index, byte) in text.prefix(limit).enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, width: Int) -> [UInt8] {
            let digits = String(value, radix: 8)
            return Array((String(repeating: "0", count: max(0, width - digits.count)) + digits).utf8)
        }
        put(path.utf8, at: 0, limit: 100)
        put(octal(Int(mode), width: 7), at: 100, limit: 7)
        put(octal(Int(owner), width: 7), at: 108, limit: 7)
        put(octal(Int(group), width: 7), at: 116, limit: 7)
        put(octal(contents.count, width: 11), at: 124, limit: 11)
        put(octal(modified, width: 11), at: 136, limit: 11)
        put("        ".utf8, at: 148, limit: 8)
        header[156] = kind
        put(link.utf8, at: 157, limit: 100)
        put("ustar\u{0}00".utf8, at: 257, limit: 8)
        put(octal(Int(major), width: 7), at: 329, limit: 7)
        put(octal(Int(minor), width: 7), at: 337, limit: 7)
        put(octal(header.reduce(0) { $0 + Int($1) }, width: 6) + [0, 0x20], at: 148, limit: 8)
        bytes += header
        bytes += contents
        bytes += [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
    }

    /// A pax record counts its own length, digits included.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let rest = [0x20] + Array(key.utf8) + [0x3d] + value + [0x0a]
        var length = rest.count + 1
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        return Array(String(length).utf8) + rest
    }
}
