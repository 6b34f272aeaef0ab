internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import NIOCore
internal import OCIModel
internal import SystemPackage

/// Where the files of a tar archive lie in it: an archive of images is read in place.
///
/// ustar, GNU's and pax's long names and sizes. What is no file, directory or link is refused: such an archive holds nothing else.
struct TarIndex: LayoutFiles {
    private let file: SharedDescriptor
    private let path: FilePath
    private var entries: [String: (offset: Int64, size: Int64)] = [:]
    /// docker save of old wrote a layer that is there twice as a link to the first.
    private var links: [String: String] = [:]
    private static let mostEntries = 100_000
    var subject: ImageError.Subject { .path(path) }

    /// Reads the headers. Blocks.
    /// - Throws: `.malformedDocument` for anything that is no tar archive; `.unsupported` for a compressed one.
    init(_ path: FilePath) throws(ImageError) {
        self.path = path
        do throws(Errno) { file = SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_RDONLY)) } catch {
            throw ImageErrorAdvice.error(error, .path(path), "the archive cannot be opened")
        }
        try read()
    }

    private func failure(_ reason: String) -> ImageError { ImageError(.malformedDocument, subject, reason) }

    func open(_ name: String) throws(ImageError) -> FileRegion? {
        var name = Self.normalised(name)
        // One step: a chain of links is nobody's archive.
        if entries[name] == nil, let target = links[name] { name = target }
        guard let entry = entries[name] else { return nil }
        return FileRegion(file: file, offset: entry.offset, size: entry.size)
    }

    private mutating func read() throws(ImageError) {
        var offset: Int64 = 0
        var long = Extension()
        var count = 0
        while let header = try block(at: offset) {
            if header.allSatisfy({ $0 == 0 }) { return }
            if header.starts(with: [0x1f, 0x8b]) || header.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
                || header.starts(with: [0x42, 0x5a, 0x68])
            {
                throw ImageError(.unsupported, subject, "the archive is compressed as a whole: decompress it first")
            }
            guard Self.isHeader(header) else { throw failure("there is no tar header at offset \(offset)") }
            guard var size = Self.number(header[124..<136]) else { throw failure("an entry at offset \(offset) has no size") }
            let type = header[156]
            let start = offset + 512
            count += 1
            guard count <= Self.mostEntries else { throw failure("there are more than \(Self.mostEntries) entries") }
            switch type {
            case UInt8(ascii: "L"), UInt8(ascii: "K"), UInt8(ascii: "x"):
                guard size <= 1 << 20 else { throw failure("an extended header is larger than 1 MiB") }
                let bytes = try bytes(at: start, Int(size))
                if type == UInt8(ascii: "x") {
                    try long.take(pax: bytes, failure)
                } else {
                    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                    if type == UInt8(ascii: "L") { long.name = text } else { long.link = text }
                }
            case UInt8(ascii: "g"): break
            default:
                let name = Self.normalised(long.name ?? Self.name(header))
                if let own = long.size { size = own }
                switch type {
                case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
                    // A second of one name would be read differently by others.
                    guard entries[name] == nil, links[name] == nil else { throw failure("\(name) is there twice") }
                    entries[name] = (start, size)
                case UInt8(ascii: "1"), UInt8(ascii: "2"):
                    let target = long.link ?? Self.text(header[157..<257])
                    let folder = name.split(separator: "/").dropLast().joined(separator: "/")
                    links[name] = Self.normalised(type == UInt8(ascii: "2") ? folder + "/" + target : target)
                    size = 0
                case UInt8(ascii: "5"): size = 0
                default: throw failure("\(name) is an entry of type \(type), which an archive of images does not have")
                }
                long = Extension()
            }
            let (padded, overflow) = size.addingReportingOverflow(511)
            guard !overflow, size >= 0, start <= Int64.max - padded else { throw failure("the entry at offset \(offset) is too large") }
            offset = start + padded / 512 * 512
        }
        if offset == 0 { throw failure("it is empty") }
    }

    /// What precedes an entry and replaces parts of its header.
    private struct Extension {
        var name: String?
        var link: String?
        var size: Int64?

        /// Records `<length> <key>=<value>\n`. See: POSIX pax.
        mutating func take(pax bytes: [UInt8], _ failure: (String) -> ImageError) throws(ImageError) {
            var rest = bytes[...]
            while let space = rest.firstIndex(of: 0x20) {
                guard let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length > space - rest.startIndex + 1,
                    length <= rest.count
                else { throw failure("a pax header makes no sense") }
                let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
                rest = rest.dropFirst(length)
                guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { throw failure("a pax header makes no sense") }
                let value = String(decoding: record[(equals + 1)...], as: UTF8.self)
                switch String(decoding: record[..<equals], as: UTF8.self) {
                case "path": name = value
                case "linkpath": link = value
                case "size":
                    guard let number = Int64(value), number >= 0 else { throw failure("a pax header makes no sense") }
                    size = number
                default: break
                }
            }
        }
    }

    private func block(at offset: Int64) throws(ImageError) -> [UInt8]? {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw failure("it cannot be read") }
        guard status.st_mode & UInt32(0o170000) == UInt32(0o100000) else {
            throw ImageError(.unsupported, subject, "it is no regular file, and an archive is read in place")
        }
        if offset >= Int64(status.st_size) { return nil }
        return try bytes(at: offset, 512)
    }

    private func bytes(at offset: Int64, _ count: Int) throws(ImageError) -> [UInt8] {
        do throws(Errno) {
            let region = FileRegion(file: file, offset: offset, size: Int64(count))
            return Array(try region.read(at: 0, count).readableBytesView)
        } catch {
            if error == .ioError { throw failure("it ends inside an entry") }
            throw ImageErrorAdvice.error(error, subject, "it cannot be read")
        }
    }

    /// The checksum is the sum of the bytes, itself as spaces.
    private static func isHeader(_ header: [UInt8]) -> Bool {
        var sum: Int64 = 0
        for (index, byte) in header.enumerated() { sum += (148..<156).contains(index) ? 0x20 : Int64(byte) }
        return number(header[148..<156]) == sum
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String { String(decoding: field.prefix { $0 != 0 }, as: UTF8.self) }

    private static func name(_ header: [UInt8]) -> String {
        let prefix = header[257..<262].elementsEqual("ustar".utf8) && header[262] == 0 ? text(header[345..<500]) : ""
        return prefix.isEmpty ? text(header[0..<100]) : prefix + "/" + text(header[0..<100])
    }

    /// Octal digits, or GNU's big-endian number.
    private static func number(_ field: ArraySlice<UInt8>) -> Int64? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            guard first == 0x80, field.dropFirst().prefix(max(0, field.count - 8)).allSatisfy({ $0 == 0 }) else { return nil }
            let value = field.suffix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            return Int64(exactly: value)
        }
        let digits = field.drop { $0 == 0x20 }.prefix { $0 != 0 && $0 != 0x20 }
        return digits.isEmpty ? 0 : Int64(String(decoding: digits, as: UTF8.self), radix: 8)
    }

    /// `./a//b` and `a/b` are one.
    private static func normalised(_ name: String) -> String {
        var parts: [Substring] = []
        for part in name.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
