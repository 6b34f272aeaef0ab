package import BundleChild
internal import Glibc
internal import LinuxSystem
internal import OCIModel
package import SystemPackage

/// Makes the archive of a layer of what a snapshot or a container changed (image-spec 1.1, layer.md). Blocks.
///
/// The same tree makes the same archive: names are in the order of their bytes. Sockets are left out, since no archive holds them.
package final class LayerDiff {
    package enum Form {
        /// An upper directory: all that is in it changed, and whiteouts and opaque marks say what went.
        case upper
        /// A copy, against what it is a copy of. A file of the same size, time and attributes is the same.
        case copy(of: MergedTree)
    }

    private let form: Form
    private let path: FilePath
    private let skipsFreshRoot: Bool
    private var sink: ([UInt8]) throws(BundleError) -> Void = { _ throws(BundleError) in }
    private var links: [UInt64: [UInt8]] = [:]
    /// Directories above what comes next that are not in the archive yet.
    private var pending: [(path: [[UInt8]], attributes: Attributes)] = []
    private var buffer = [UInt8](repeating: 0, count: 1 << 18)

    /// - Parameters:
    ///   - form: what the tree is.
    ///   - path: the tree.
    ///   - skipsFreshRoot: whether the layer says nothing of a root that is 0755 of root, as the engine makes it, and of another one not when
    ///     it was made. Off by default: the root is an entry as any other.
    package init(_ form: Form, of path: FilePath, skipsFreshRoot: Bool = false) {
        self.form = form
        self.path = path
        self.skipsFreshRoot = skipsFreshRoot
    }

    /// Makes the archive, once.
    /// - Parameter sink: gets the archive's bytes in order.
    /// - Throws: `.unfitTree` for what a layer cannot say, `.storage`; what the sink throws.
    package func write(to sink: ([UInt8]) throws(BundleError) -> Void) throws(BundleError) {
        try withoutActuallyEscaping(sink) { sink throws(BundleError) in
            self.sink = sink
            defer { self.sink = { _ throws(BundleError) in } }
            let root = try system([]) { () throws(Errno) in
                SharedDescriptor(try OwnedDescriptor.open(path.string, flags: O_DIRECTORY | O_NOFOLLOW))
            }
            try directory(root, [], isNew: false)
            try sink(TarWriter.end)
        }
    }

    // MARK: the walk

    private func directory(_ directory: SharedDescriptor, _ path: [[UInt8]], isNew: Bool) throws(BundleError) {
        var attributes = try system(path) { () throws(Errno) in try Attributes(of: directory.rawValue) }
        if path.isEmpty, skipsFreshRoot { (attributes.seconds, attributes.nanoseconds) = (0, 0) }
        if !path.isEmpty || !skipsFreshRoot || !Self.isFresh(attributes) { pending.append((path, attributes)) }
        var isOpaque = false
        switch form {
        case .upper:
            for mark in ["redirect", "metacopy"] {
                let value = try system(path) { () throws(Errno) in
                    try ExtendedAttributes.get(Array("trusted.overlay.\(mark)".utf8), of: directory.rawValue)
                }
                if value != nil { throw unfit(path, "It was mounted with redirect_dir or metacopy, which a layer cannot say.") }
            }
            isOpaque = try system(path) { () throws(Errno) in try ExtendedAttributes.isOpaque(directory.rawValue) }
            try flushPending()
        case .copy(let below):
            if isNew || path.isEmpty { try flushPending() } else { try compareDirectory(path, attributes, below) }
        }
        if isOpaque { try entry(TarWriter.Entry(name: name(path + [Array(".wh..wh..opq".utf8)]))) }
        let names = try system(path) { () throws(Errno) in try FileCalls.names(in: directory.rawValue) }
        for name in names.sorted(by: { $0.lexicographicallyPrecedes($1) }) { try child(name, in: directory, path, isNew) }
        if case .copy(let below) = form, !isNew {
            let here = Set(names)
            let there = try system(path) { () throws(Errno) in try below.names(in: path) }
            for gone in there.subtracting(here).sorted(by: { $0.lexicographicallyPrecedes($1) }) { try whiteout(gone, path) }
        }
        if pending.last?.path == path { pending.removeLast() }
    }

    private static func isFresh(_ root: Attributes) -> Bool {
        root.mode == 0o755 && root.owner == 0 && root.group == 0 && root.extended.isEmpty
    }

    private func child(_ name: [UInt8], in directory: SharedDescriptor, _ parent: [[UInt8]], _ parentIsNew: Bool) throws(BundleError) {
        let path = parent + [name]
        guard let status = try system(path, { () throws(Errno) in try FileCalls.status(name, at: directory.rawValue) }) else { return }
        if case .upper = form, FileCalls.isWhiteout(status) { return try whiteout(name, parent) }
        if name.starts(with: ".wh.".utf8) { throw unfit(path, "A name that begins with .wh. means something else in a layer.") }
        if status.st_mode & FileType.mask == 0o140000 { return }
        if FileCalls.isDirectory(status) {
            let inner = try system(path) { () throws(Errno) in
                SharedDescriptor(try FileCalls.open(name, at: directory.rawValue, flags: FileCalls.directoryFlags))
            }
            var isNew = parentIsNew
            if case .copy(let below) = form, !isNew {
                let found = try system(path) { () throws(Errno) in
                    guard let found = try below.find(path) else { return false }
                    return FileCalls.isDirectory(found.status)
                }
                isNew = !found
            }
            return try self.directory(inner, path, isNew: isNew)
        }
        if case .copy(let below) = form, !parentIsNew, try isSame(name, status, directory, path, below) { return }
        try flushPending()
        try leaf(name, status, directory, path)
    }

    private func whiteout(_ name: [UInt8], _ parent: [[UInt8]]) throws(BundleError) {
        try flushPending()
        try entry(TarWriter.Entry(name: self.name(parent + [Array(".wh.".utf8) + name])))
    }

    // MARK: comparing

    private func compareDirectory(_ path: [[UInt8]], _ ours: Attributes, _ below: MergedTree) throws(BundleError) {
        let theirs: Attributes? = try system(path) { () throws(Errno) in
            guard let found = try below.find(path) else { return nil }
            guard FileCalls.isDirectory(found.status) else { return nil }
            let directory = try FileCalls.open(found.name, at: found.parent.rawValue, flags: FileCalls.directoryFlags)
            return try Attributes(of: directory.rawValue)
        }
        if theirs.map({ !Self.equal(ours, $0) }) ?? true { try flushPending() }
    }

    private func isSame(
        _ name: [UInt8], _ status: stat, _ directory: SharedDescriptor, _ path: [[UInt8]], _ below: MergedTree
    ) throws(BundleError) -> Bool {
        try system(path) { () throws(Errno) in
            guard let found = try below.find(path) else { return false }
            let other = found.status
            guard status.st_mode == other.st_mode, status.st_uid == other.st_uid, status.st_gid == other.st_gid,
                status.st_size == other.st_size, status.st_rdev == other.st_rdev, status.st_mtim.tv_sec == other.st_mtim.tv_sec,
                status.st_mtim.tv_nsec == other.st_mtim.tv_nsec
            else { return false }
            if FileCalls.isLink(status) {
                return try FileCalls.target(of: name, at: directory.rawValue)
                    == FileCalls.target(of: found.name, at: found.parent.rawValue)
            }
            guard FileCalls.isFile(status) else { return true }
            let ours = try FileCalls.open(name, at: directory.rawValue, flags: O_RDONLY | O_NONBLOCK)
            let theirs = try FileCalls.open(found.name, at: found.parent.rawValue, flags: O_RDONLY | O_NONBLOCK)
            return Self.equal(try Attributes(of: ours.rawValue), try Attributes(of: theirs.rawValue))
        }
    }

    private static func equal(_ one: Attributes, _ other: Attributes) -> Bool {
        func table(_ attributes: Attributes) -> [[UInt8]: [UInt8]] {
            Dictionary(attributes.extended.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        }
        return one.owner == other.owner && one.group == other.group && one.mode == other.mode && one.seconds == other.seconds
            && one.nanoseconds == other.nanoseconds && table(one) == table(other)
    }

    // MARK: entries

    private func flushPending() throws(BundleError) {
        let all = pending
        pending = []
        for (path, attributes) in all {
            var header = header(path, attributes, UInt8(ascii: "5"))
            header.name = path.isEmpty ? Array("./".utf8) : header.name + [UInt8(ascii: "/")]
            try entry(header)
        }
    }

    private func leaf(_ name: [UInt8], _ status: stat, _ directory: SharedDescriptor, _ path: [[UInt8]]) throws(BundleError) {
        if status.st_nlink > 1 {
            if let first = links[UInt64(status.st_ino)] {
                var header = header(path, Attributes(status), UInt8(ascii: "1"))
                header.link = first
                return try entry(header)
            }
            links[UInt64(status.st_ino)] = self.name(path)
        }
        switch status.st_mode & FileType.mask {
        case FileType.regular:
            let file = try system(path) { () throws(Errno) in
                SharedDescriptor(try FileCalls.open(name, at: directory.rawValue, flags: O_RDONLY | O_NONBLOCK))
            }
            var header = header(path, try system(path) { () throws(Errno) in try Attributes(of: file.rawValue) }, UInt8(ascii: "0"))
            header.size = Int64(status.st_size)
            try entry(header)
            try contents(file.rawValue, header.size, path)
        case FileType.symbolicLink:
            var header = header(path, Attributes(status), UInt8(ascii: "2"))
            header.link = try system(path) { () throws(Errno) in try FileCalls.target(of: name, at: directory.rawValue) }
            try entry(header)
        case FileType.fifo: try entry(header(path, Attributes(status), UInt8(ascii: "6")))
        default:
            let isBlock = status.st_mode & FileType.mask == FileType.blockDevice
            var header = header(path, Attributes(status), isBlock ? UInt8(ascii: "4") : UInt8(ascii: "3"))
            header.device = Self.numbers(UInt64(status.st_rdev))
            try entry(header)
        }
    }

    /// Of a device: major and minor. See: man 3 makedev.
    private static func numbers(_ device: UInt64) -> (major: UInt32, minor: UInt32) {
        (
            UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & 0xffff_f000),
            UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xffff_ff00)
        )
    }

    private func contents(_ file: CInt, _ size: Int64, _ path: [[UInt8]]) throws(BundleError) {
        var left = size
        while left > 0 {
            let count = read(file, &buffer, min(buffer.count, Int(left)))
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw .storage(Errno(rawValue: errno), self.path) }
            if count == 0 { throw unfit(path, "It became shorter while it was read: stop the container first.") }
            try sink(Array(buffer[..<count]))
            left -= Int64(count)
        }
        try sink(TarWriter.padding(size))
    }

    private func header(_ path: [[UInt8]], _ attributes: Attributes, _ type: UInt8) -> TarWriter.Entry {
        var header = TarWriter.Entry(
            name: name(path), mode: attributes.mode, user: UInt32(truncatingIfNeeded: attributes.owner),
            group: UInt32(truncatingIfNeeded: attributes.group), time: Int64(attributes.seconds), type: type)
        header.nanoseconds = Int64(attributes.nanoseconds)
        for (name, value) in attributes.extended {
            header.attributes[String(decoding: ExtendedAttributes.unescaped(name), as: UTF8.self)] = value
        }
        return header
    }

    private func name(_ path: [[UInt8]]) -> [UInt8] { Array(path.joined(separator: [UInt8(ascii: "/")])) }

    private func entry(_ entry: TarWriter.Entry) throws(BundleError) { try sink(TarWriter.header(entry)) }

    private func system<Value: ~Copyable>(_ entry: [[UInt8]], _ body: () throws(Errno) -> Value) throws(BundleError) -> Value {
        do throws(Errno) { return try body() } catch { throw .storage(error, place(entry)) }
    }

    private func unfit(_ entry: [[UInt8]], _ reason: String) -> BundleError { BundleError(.unfitTree, .path(place(entry)), reason) }

    private func place(_ entry: [[UInt8]]) -> FilePath { FilePath(path.string + "/" + String(decoding: name(entry), as: UTF8.self)) }
}
