internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Writes the entries of one layer in overlay form into a staging directory.
///
/// The directory that entries go to is reached one component at a time from open descriptors, and no link is ever followed by the
/// kernel: links on the way are read and resolved here, inside the root. The open directories are those between the root and the last
/// entry's parent, by physical name; whoever replaces a name stands in its parent, so nothing open can be what was replaced.
final class LayerWriter {
    let root: SharedDescriptor
    /// Nil: the layers below are not known yet.
    let below: MergedTree?
    let limits: UnpackLimits
    /// Bits the process's umask takes from new files.
    private let umask: UInt32
    private let ownUser: UInt32
    private let ownGroup: UInt32
    var report = UnpackReport()

    /// Physical names and descriptors from the root to the last parent.
    private var chain: [(name: [UInt8], directory: SharedDescriptor)] = []
    /// The parent as the last entry spelled it, as long as it leads to `chain`.
    private var lastParent: ArraySlice<[UInt8]>?
    /// Directories of this layer by path, whose attributes are set at the end: writing into them would change their times, and their
    /// modes may forbid it.
    private var directories: [[UInt8]: PendingDirectory] = [:]
    private var rootIsOpaque = false

    private struct PendingDirectory {
        var path: [[UInt8]]
        var attributes: Attributes
        var isOpaque: Bool
    }

    init(root: SharedDescriptor, below: MergedTree?, limits: UnpackLimits, umask: UInt32) throws(UnpackFailure) {
        self.root = root
        self.below = below
        self.limits = limits
        self.umask = umask
        ownUser = geteuid()
        ownGroup = getegid()
        // Without set-group-id of the directory above, new files get our own group.
        try system([]) { () throws(Errno) in try check(FileCalls.result(fchmod(root.rawValue, 0o700))) }
        directories[[]] = PendingDirectory(path: [], attributes: Attributes(), isOpaque: false)
    }

    @discardableResult
    func system<Value: ~Copyable>(_ entry: [UInt8], _ body: () throws(Errno) -> Value) throws(UnpackFailure) -> Value {
        do { return try body() } catch { throw .system(error, entry: entry) }
    }

    // MARK: entries

    /// Writes one entry; `contents` is asked for the runs of a file.
    func write(_ entry: TarEntry, from reader: ArchiveReader) throws(UnpackFailure) {
        report.entries += 1
        guard report.entries <= limits.entries else { throw UnpackFailure(.tooManyEntries, entry: entry.name) }
        let path = try EntryPath(entry.name, limits: limits)
        try checkAttributes(entry)
        guard let name = path.components.last else {
            // The root itself. As anything but a directory it would be nonsense.
            guard case .directory = entry.kind else { throw UnpackFailure(.unsupportedEntry, entry: entry.name) }
            directories[[]]?.attributes = entry.attributes
            return
        }
        if let whiteout = try Whiteout(name, entry: entry.name) { return try apply(whiteout, path, entry) }
        for component in path.components.dropLast() where try Whiteout(component, entry: entry.name) != nil {
            throw UnpackFailure(.badWhiteout, entry: entry.name)
        }
        switch entry.kind {
        case .file:
            guard entry.size >= 0, UInt64(entry.size) <= limits.fileSize else { throw UnpackFailure(.tooLarge, entry: entry.name) }
            let parent = try enter(path.components.dropLast(), entry)
            let file = try create(name, in: parent, entry.name) { () throws(Errno) in
                try FileCalls.open(name, at: parent.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL, mode: entry.attributes.mode & 0o777)
            }
            try fill(file, entry, reader)
            try setAttributes(entry.attributes, on: file.rawValue, isNew: true, entry.name)
        case .directory:
            try makeDirectory(name, in: try enter(path.components.dropLast(), entry), entry.attributes, entry.name)
        case .symbolicLink(let target):
            guard !target.isEmpty, target.count <= Int(limits.pathLength) else { throw UnpackFailure(.pathTooLong, entry: entry.name) }
            let parent = try enter(path.components.dropLast(), entry)
            try create(name, in: parent, entry.name) { () throws(Errno) in
                try FileCalls.makeLink(name, at: parent.rawValue, target: target)
            }
            try setAttributes(entry.attributes, onName: name, in: parent, isLink: true, entry.name)
        case .hardLink(let target): try makeHardLink(name, path, target: target, entry)
        case .characterDevice(let major, let minor):
            guard major != 0 || minor != 0 else { throw UnpackFailure(.unsupportedEntry, entry: entry.name) }
            try makeNode(name, path, entry, type: FileType.characterDevice, device: ck_makedev(major, minor))
        case .blockDevice(let major, let minor):
            try makeNode(name, path, entry, type: FileType.blockDevice, device: ck_makedev(major, minor))
        case .fifo: try makeNode(name, path, entry, type: FileType.fifo, device: 0)
        case .other: throw UnpackFailure(.unsupportedEntry, entry: entry.name)
        }
    }

    private func checkAttributes(_ entry: TarEntry) throws(UnpackFailure) {
        var size = 0
        for (name, value) in entry.attributes.extended {
            if ExtendedAttributes.isOverlays(name) { throw UnpackFailure(.forbiddenAttribute, entry: entry.name, detail: name) }
            size += name.count + value.count
            guard name.count <= 255, value.count <= 65536 else { throw UnpackFailure(.attributesTooLarge, entry: entry.name, detail: name) }
        }
        guard size <= Int(limits.attributeBytes) else { throw UnpackFailure(.attributesTooLarge, entry: entry.name) }
        // The highest id means "leave it as it is" to chown(2).
        let ids = 0..<Int64(UInt32.max)
        guard ids.contains(entry.attributes.owner), ids.contains(entry.attributes.group) else {
            throw UnpackFailure(.unsupportedEntry, entry: entry.name)
        }
    }

    private func fill(_ file: borrowing OwnedDescriptor, _ entry: TarEntry, _ reader: ArchiveReader) throws(UnpackFailure) {
        var end: Int64 = 0
        let descriptor = file.rawValue
        while let (bytes, start) = try unsafe reader.block(of: entry.name) {
            var rest = unsafe bytes
            var offset = start
            guard offset >= 0, offset <= entry.size, Int64(rest.count) <= entry.size - offset else {
                throw UnpackFailure(.damagedArchive, entry: entry.name)
            }
            while unsafe !rest.isEmpty {
                let written = try system(entry.name) { () throws(Errno) in
                    try retrying { unsafe errnoResult(pwrite(descriptor, rest.baseAddress, rest.count, Int(offset))) }
                }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                offset += Int64(written)
            }
            end = max(end, offset)
        }
        if end < entry.size {
            let size = entry.size
            try system(entry.name) { () throws(Errno) in try check(FileCalls.result(ftruncate(descriptor, Int(size)))) }
        }
    }

    private func makeNode(
        _ name: [UInt8], _ path: EntryPath, _ entry: TarEntry, type: UInt32, device: dev_t
    ) throws(UnpackFailure) {
        let parent = try enter(path.components.dropLast(), entry)
        try create(name, in: parent, entry.name) { () throws(Errno) in
            try FileCalls.makeNode(name, at: parent.rawValue, mode: type | entry.attributes.mode & 0o777, device: device)
        }
        try setAttributes(entry.attributes, onName: name, in: parent, isLink: false, entry.name)
    }

    private func makeDirectory(
        _ name: [UInt8], in parent: SharedDescriptor, _ attributes: Attributes, _ entry: [UInt8]
    ) throws(UnpackFailure) {
        var isOpaque = false
        do throws(Errno) {
            try FileCalls.makeDirectory(name, at: parent.rawValue, mode: 0o700)
        } catch .fileExists {
            let existing = try system(entry) { () throws(Errno) in try FileCalls.status(name, at: parent.rawValue) }
            if let existing, FileCalls.isDirectory(existing) {
                isOpaque = directories[key(of: name)]?.isOpaque ?? false
            } else {
                // A whiteout that comes first removes what lies below; the new directory then shows nothing of it.
                isOpaque = existing.map(FileCalls.isWhiteout) ?? false
                try remove(name, in: parent, entry)
                try system(entry) { () throws(Errno) in try FileCalls.makeDirectory(name, at: parent.rawValue, mode: 0o700) }
            }
        } catch { throw .system(error, entry: entry) }
        directories[key(of: name)] = PendingDirectory(
            path: chain.map(\.name) + [name], attributes: attributes, isOpaque: isOpaque)
    }

    /// Makes something under a name; what has it already is removed first, since the later entry of an archive counts.
    @discardableResult
    func create<Value: ~Copyable>(
        _ name: [UInt8], in parent: SharedDescriptor, _ entry: [UInt8], _ make: () throws(Errno) -> Value
    ) throws(UnpackFailure) -> Value {
        do throws(Errno) { return try make() } catch .fileExists {
            try remove(name, in: parent, entry)
            do throws(Errno) { return try make() } catch { throw .system(error, entry: entry) }
        } catch { throw .system(error, entry: entry) }
    }

    private func remove(_ name: [UInt8], in parent: SharedDescriptor, _ entry: [UInt8]) throws(UnpackFailure) {
        lastParent = nil
        try system(entry) { () throws(Errno) in try FileCalls.remove(name, at: parent.rawValue) }
    }

    // MARK: whiteouts

    private func apply(_ whiteout: Whiteout, _ path: EntryPath, _ entry: TarEntry) throws(UnpackFailure) {
        switch whiteout {
        case .ignored: return
        case .opaque:
            _ = try enter(path.components.dropLast(), entry)
            if chain.isEmpty { rootIsOpaque = true } else { directories[Self.key(chain.map(\.name))]?.isOpaque = true }
        case .name(let name):
            let parent = try enter(path.components.dropLast(), entry)
            do throws(Errno) {
                try FileCalls.makeNode(name, at: parent.rawValue, mode: FileType.characterDevice, device: 0)
            } catch .fileExists {
                // A whiteout removes what lies below, never what its own layer brings: a file hides the rest anyway.
                directories[key(of: name)]?.isOpaque = true
            } catch { throw .system(error, entry: entry.name) }
        }
    }

    // MARK: the way to an entry

    private static func key(_ path: [[UInt8]]) -> [UInt8] { Array(path.joined(separator: [UInt8(ascii: "/")])) }
    private func key(of name: [UInt8]) -> [UInt8] { Self.key(chain.map(\.name) + [name]) }

    /// The physical path of a name in the directory that was entered last.
    func physicalPath(of name: [UInt8]) -> [[UInt8]] { chain.map(\.name) + [name] }

    /// Goes to the directory of an entry; directories that the archive takes for granted are made with what they have below.
    func enter(_ parent: ArraySlice<[UInt8]>, _ entry: TarEntry) throws(UnpackFailure) -> SharedDescriptor {
        if let lastParent, lastParent == parent { return chain.last?.directory ?? root }
        var rest = Array(parent.reversed())
        var depth = 0
        var hops = 0
        func follow(_ target: [UInt8]) throws(UnpackFailure) {
            hops += 1
            if hops > 40 { throw UnpackFailure(.linkLoop, entry: entry.name) }
            if target.first == UInt8(ascii: "/") { depth = 0 }
            rest += target.split(separator: UInt8(ascii: "/")).map(Array.init).reversed()
        }
        while let name = rest.popLast() {
            if name.elementsEqual(".".utf8) { continue }
            if name.elementsEqual("..".utf8) {
                depth = max(0, depth - 1)
                continue
            }
            if depth < chain.count, chain[depth].name == name {
                depth += 1
                continue
            }
            chain.removeSubrange(depth...)
            guard depth < Int(limits.pathDepth) else { throw UnpackFailure(.pathTooLong, entry: entry.name) }
            let directory = chain.last?.directory ?? root
            if try descend(name, directory, entry.name) {
                depth += 1
                continue
            }
            let status = try system(entry.name) { () throws(Errno) in try FileCalls.status(name, at: directory.rawValue) }
            if let status, FileCalls.isLink(status) {
                try follow(try system(entry.name) { () throws(Errno) in try FileCalls.target(of: name, at: directory.rawValue) })
                continue
            }
            if let status, !FileCalls.isWhiteout(status) { throw UnpackFailure(.parentNotDirectory, entry: entry.name) }
            if status == nil, let target = try assume(name, directory, entry) {
                try follow(target)
                continue
            }
            if status != nil { try makeDirectory(name, in: directory, Attributes(), entry.name) }
            guard try descend(name, directory, entry.name) else { throw UnpackFailure(.parentNotDirectory, entry: entry.name) }
            depth += 1
        }
        chain.removeSubrange(depth...)
        lastParent = parent
        return chain.last?.directory ?? root
    }

    /// Opens a directory and makes it the last of the chain. False when the name is none.
    private func descend(_ name: [UInt8], _ directory: SharedDescriptor, _ entry: [UInt8]) throws(UnpackFailure) -> Bool {
        do throws(Errno) {
            let inner = try FileCalls.open(name, at: directory.rawValue, flags: FileCalls.directoryFlags)
            chain.append((name, SharedDescriptor(inner)))
            return true
        } catch .noSuchFileOrDirectory {
            return false
        } catch .notDirectory {
            return false
        } catch .tooManySymbolicLinkLevels {
            return false
        } catch { throw .system(error, entry: entry) }
    }

    /// A parent that the archive does not bring: as it is below, or 0755 of root. Where the view below has a link, its target is
    /// returned and nothing is made.
    private func assume(_ name: [UInt8], _ directory: SharedDescriptor, _ entry: TarEntry) throws(UnpackFailure) -> [UInt8]? {
        var attributes = Attributes()
        attributes.seconds = entry.attributes.seconds
        if let found = try findBelow(physicalPath(of: name), entry.name) {
            if FileCalls.isLink(found.status) {
                return try system(entry.name) { () throws(Errno) in try FileCalls.target(of: found.name, at: found.parent.rawValue) }
            }
            if FileCalls.isDirectory(found.status) {
                attributes = try system(entry.name) { () throws(Errno) in
                    let source = try FileCalls.open(found.name, at: found.parent.rawValue, flags: FileCalls.directoryFlags)
                    return try Attributes(of: source.rawValue)
                }
            }
        }
        try makeDirectory(name, in: directory, attributes, entry.name)
        return nil
    }

    /// What the layers below have at a physical path, unless this layer hides it.
    func findBelow(_ path: [[UInt8]], _ entry: [UInt8]) throws(UnpackFailure) -> MergedTree.Found? {
        guard let below else { throw UnpackFailure(.belowNeeded, entry: entry) }
        report.neededBelow = true
        if rootIsOpaque { return nil }
        for end in path.indices.dropFirst() where directories[Self.key(Array(path[..<end]))]?.isOpaque == true { return nil }
        do throws(Errno) { return try below.find(path) } catch { throw .system(error, entry: entry) }
    }

    // MARK: attributes

    func setAttributes(
        _ attributes: Attributes, on descriptor: CInt, isNew: Bool, _ entry: [UInt8]
    ) throws(UnpackFailure) {
        let owner = UInt32(truncatingIfNeeded: attributes.owner)
        let group = UInt32(truncatingIfNeeded: attributes.group)
        do throws(Errno) {
            if owner != ownUser || group != ownGroup { try check(FileCalls.result(fchown(descriptor, owner, group))) }
            // chown clears set-user-id; open(2) never sets it.
            if !isNew || attributes.mode & (0o7000 | umask) != 0 { try check(FileCalls.result(fchmod(descriptor, attributes.mode))) }
        } catch { throw .system(error, entry: entry) }
        for (name, value) in attributes.extended where !ExtendedAttributes.isHostPolicy(name) {
            do throws(Errno) { try ExtendedAttributes.set(name, value, on: descriptor) } catch {
                try dropOrThrow(name, error, entry)
            }
        }
        let times = attributes.times
        try system(entry) { () throws(Errno) in try check(unsafe FileCalls.result(futimens(descriptor, times))) }
    }

    func setAttributes(
        _ attributes: Attributes, onName name: [UInt8], in parent: SharedDescriptor, isLink: Bool, _ entry: [UInt8]
    ) throws(UnpackFailure) {
        let owner = UInt32(truncatingIfNeeded: attributes.owner)
        let group = UInt32(truncatingIfNeeded: attributes.group)
        let directory = parent.rawValue
        do throws(Errno) {
            if owner != ownUser || group != ownGroup {
                unsafe try check(
                    FileCalls.withName(name) { unsafe FileCalls.result(fchownat(directory, $0, owner, group, AT_SYMLINK_NOFOLLOW)) })
            }
            // The name was made by us in a directory only we write to, so it is no link.
            if !isLink, attributes.mode & (0o7000 | umask) != 0 {
                unsafe try check(FileCalls.withName(name) { unsafe FileCalls.result(fchmodat(directory, $0, attributes.mode, 0)) })
            }
        } catch { throw .system(error, entry: entry) }
        for (attribute, value) in attributes.extended where !ExtendedAttributes.isHostPolicy(attribute) {
            do throws(Errno) { try ExtendedAttributes.set(attribute, value, on: name, at: directory) } catch {
                try dropOrThrow(attribute, error, entry)
            }
        }
        let times = attributes.times
        try system(entry) { () throws(Errno) in
            unsafe try check(FileCalls.withName(name) { unsafe FileCalls.result(utimensat(directory, $0, times, AT_SYMLINK_NOFOLLOW)) })
        }
    }

    /// A file system without `user.*` (tmpfs before Linux 6.6), or a link, which cannot have them: counted, as peers ignore it.
    private func dropOrThrow(_ name: [UInt8], _ errno: Errno, _ entry: [UInt8]) throws(UnpackFailure) {
        guard name.starts(with: "user.".utf8), errno == .notSupported || errno == .notPermitted else {
            throw UnpackFailure(.system, entry: entry, errno: errno, detail: name)
        }
        report.droppedAttributes += 1
    }

    // MARK: the end

    /// Sets what had to wait: attributes of directories, deepest first, and the root's own marks.
    func finish() throws(UnpackFailure) {
        if rootIsOpaque { try hideAllBelow() }
        let paths = directories.keys.sorted { $1.lexicographicallyPrecedes($0) }
        for path in paths {
            guard let pending = directories[path], let directory = try reopen(pending.path) else { continue }
            if pending.isOpaque {
                try system(path) { () throws(Errno) in
                    try ExtendedAttributes.set(ExtendedAttributes.opaque, [UInt8(ascii: "y")], on: directory.rawValue)
                }
            }
            try setAttributes(pending.attributes, on: directory.rawValue, isNew: false, path)
        }
        chain = []
        directories = [:]
    }

    /// The directory at a physical path; nil when a later entry replaced it.
    private func reopen(_ path: [[UInt8]]) throws(UnpackFailure) -> SharedDescriptor? {
        var depth = 0
        while depth < min(chain.count, path.count), chain[depth].name == path[depth] { depth += 1 }
        chain.removeSubrange(depth...)
        while depth < path.count {
            guard try descend(path[depth], chain.last?.directory ?? root, path[depth]) else { return nil }
            depth += 1
        }
        return chain.last?.directory ?? root
    }

    /// overlayfs looks for no opaque mark on the root of a layer: each name below is whited out instead.
    private func hideAllBelow() throws(UnpackFailure) {
        guard let below else { throw UnpackFailure(.belowNeeded) }
        report.neededBelow = true
        let names: Set<[UInt8]>
        do throws(Errno) { names = try below.rootNames() } catch { throw .system(error) }
        for name in names {
            do throws(Errno) {
                try FileCalls.makeNode(name, at: root.rawValue, mode: FileType.characterDevice, device: 0)
            } catch .fileExists {
                directories[name]?.isOpaque = true
            } catch { throw .system(error, entry: name) }
        }
    }
}

/// As a `ck_…` function returns it.
private func errnoResult(_ value: Int) -> Int { value < 0 ? -Int(errno) : value }

extension Attributes {
    /// Those of an open file.
    init(of descriptor: CInt) throws(Errno) {
        let status = try FileCalls.status(of: descriptor)
        self.init(status)
        extended = try ExtendedAttributes.all(of: descriptor)
    }

    init(_ status: stat) {
        owner = Int64(status.st_uid)
        group = Int64(status.st_gid)
        mode = UInt32(status.st_mode) & 0o7777
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
    }

    /// Access and modification time for utimensat(2): both the archive's.
    var times: [timespec] {
        let time = timespec(tv_sec: seconds, tv_nsec: min(max(nanoseconds, 0), 999_999_999))
        return [time, time]
    }
}
