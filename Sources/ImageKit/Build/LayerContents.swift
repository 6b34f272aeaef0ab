internal import CLinux
internal import LinuxSystem
internal import OCIModel
public import SystemPackage

/// What a layer holds: files, directories and links, each once.
///
/// The layer is the same for the same contents: entries are ordered by their paths, owned by root and of one time unless told otherwise.
public struct LayerContents: Sendable {
    /// Where the bytes of a file come from.
    enum Source: Sendable {
        case bytes([UInt8])
        /// A file of this machine, read when the layer is written.
        case file(FilePath)
    }

    struct Entry: Sendable {
        var header: TarWriter.Entry
        var source = Source.bytes([])
    }

    /// By path, without a slash at the start.
    private(set) var entries: [String: Entry] = [:]
    /// The time of everything, seconds since 1970: 0 by default.
    public var time: Int64 = 0

    /// Nothing.
    public init() {}

    /// Nothing is in it.
    public var isEmpty: Bool { entries.isEmpty }

    /// A file of these bytes.
    /// - Parameters:
    ///   - path: where it is in the image; its parents are those of the image, or made by the engine that unpacks it.
    ///   - bytes: what is in it.
    ///   - mode: permissions; 0644 by default.
    ///   - owner: user and group, numbers; root by default.
    /// - Throws: `.malformedDocument` for a path that is empty or leads out.
    public mutating func file(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644, owner: (user: UInt32, group: UInt32) = (0, 0)
    ) throws(ImageError) {
        var header = TarWriter.Entry(name: [], size: Int64(bytes.count), mode: mode, user: owner.user, group: owner.group)
        header.type = UInt8(ascii: "0")
        try add(path, Entry(header: header, source: .bytes(bytes)))
    }

    /// A directory. An image's own of the same path gets these permissions and this owner.
    public mutating func directory(_ path: String, mode: UInt32 = 0o755, owner: (user: UInt32, group: UInt32) = (0, 0)) throws(ImageError) {
        try add(path, Entry(header: .init(name: [], mode: mode, user: owner.user, group: owner.group, type: UInt8(ascii: "5"))))
    }

    /// A symbolic link.
    public mutating func symbolicLink(_ path: String, to target: String) throws(ImageError) {
        try add(path, Entry(header: .init(name: [], mode: 0o777, type: UInt8(ascii: "2"), link: Array(target.utf8))))
    }

    /// Removes what the image below has at a path. See: image-spec 1.1, layer.md, "Whiteouts".
    public mutating func remove(_ path: String) throws(ImageError) {
        var parts = try Self.parts(path)
        guard let last = parts.popLast() else { return }
        try add((parts + [".wh." + last]).joined(separator: "/"), Entry(header: .init(name: [])))
    }

    /// A directory of this machine with all it holds, regular files, directories and symbolic links; their permissions stay, their owners
    /// and times do not. Blocks.
    ///
    /// - Parameters:
    ///   - tree: the directory.
    ///   - path: where its contents go; `/` by default.
    /// - Throws: `.unsupported` for a device, pipe or socket in it.
    public mutating func copy(_ tree: FilePath, to path: String = "/") throws(ImageError) {
        let parts = try Self.parts(path)
        try copy(tree, parts, depth: 0)
    }

    private mutating func copy(_ folder: FilePath, _ parts: [String], depth: Int) throws(ImageError) {
        guard depth < 1000 else { throw ImageError(.unsupported, .path(folder), "directories are nested too deep") }
        var names: [String] = []
        do throws(Errno) {
            let directory = try OwnedDescriptor.open(folder.string, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            try DirectoryEntries.forEach(in: directory) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        } catch { throw ImageErrorAdvice.error(error, .path(folder), "it cannot be read") }
        for name in names.sorted() {
            let source = folder.appending(name)
            let target = (parts + [name]).joined(separator: "/")
            var status = stat()
            do throws(Errno) { try check(ck_fstatat(AT_FDCWD, source.string, &status, AT_SYMLINK_NOFOLLOW)) } catch {
                throw ImageErrorAdvice.error(error, .path(source), "it cannot be read")
            }
            let mode = status.st_mode & 0o7777
            switch status.st_mode & 0o170000 {
            case 0o040000:
                try directory(target, mode: mode)
                try copy(source, parts + [name], depth: depth + 1)
            case 0o100000:
                let header = TarWriter.Entry(name: [], size: Int64(status.st_size), mode: mode)
                try add(target, Entry(header: header, source: .file(source)))
            case 0o120000:
                var buffer = [CChar](repeating: 0, count: 4096)
                let count = ck_readlinkat(AT_FDCWD, source.string, &buffer, buffer.count)
                guard count >= 0 else { throw ImageErrorAdvice.error(Errno(rawValue: CInt(-count)), .path(source), "it cannot be read") }
                try symbolicLink(target, to: String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self))
            default: throw ImageError(.unsupported, .path(source), "it is neither a file, a directory nor a symbolic link")
            }
        }
    }

    private mutating func add(_ path: String, _ entry: Entry) throws(ImageError) {
        let parts = try Self.parts(path)
        guard !parts.isEmpty else { throw ImageError(.malformedDocument, .path(FilePath(path)), "it is no path in an image") }
        let name = parts.joined(separator: "/")
        var entry = entry
        entry.header.name = Array((entry.header.type == UInt8(ascii: "5") ? name + "/" : name).utf8)
        entries[name] = entry
    }

    private static func parts(_ path: String) throws(ImageError) -> [String] {
        let parts = path.split(separator: "/").filter { $0 != "." }.map(String.init)
        guard !parts.contains(".."), !path.utf8.contains(0) else {
            throw ImageError(.malformedDocument, .path(FilePath(path)), "it leads out of the image")
        }
        return parts
    }

    /// Hands over the archive's bytes, entry by entry. Blocks.
    func write(_ body: ([UInt8]) throws(ImageError) -> Void) throws(ImageError) {
        for name in entries.keys.sorted(by: { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }) {
            guard var entry = entries[name] else { continue }
            entry.header.time = time
            try body(TarWriter.header(entry.header))
            switch entry.source {
            case .bytes(let bytes): try body(bytes)
            case .file(let path): try Self.write(path, entry.header.size, body)
            }
            try body(TarWriter.padding(entry.header.size))
        }
        try body(TarWriter.end)
    }

    private static func write(_ path: FilePath, _ size: Int64, _ body: ([UInt8]) throws(ImageError) -> Void) throws(ImageError) {
        var left = size
        let file: SharedDescriptor
        do throws(Errno) { file = SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)) } catch
        {
            throw ImageErrorAdvice.error(error, .path(path), "it cannot be read")
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while left > 0 {
            let count: Int
            do throws(Errno) { count = try retrying { ck_read(file.rawValue, &buffer, Int(min(Int64(buffer.count), left))) } } catch {
                throw ImageErrorAdvice.error(error, .path(path), "it cannot be read")
            }
            guard count > 0 else { throw ImageError(.shortBody, .path(path), "it became shorter while it was read") }
            try body(Array(buffer.prefix(count)))
            left -= Int64(count)
        }
    }
}
