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
    /// Nil: the layers below are not known yet. What is needed of them is noted in `deferred`.
    var below: MergedTree?
    let limits: UnpackLimits
    /// Bits the process's umask takes from new files.
    let umask: UInt32
    let ownUser: UInt32
    let ownGroup: UInt32
    var report = UnpackReport()

    /// Physical names and descriptors from the root to the last parent.
    var chain: [(name: [UInt8], directory: SharedDescriptor)] = []
    /// The parent as the last entry spelled it, as long as it leads to `chain`.
    var lastParent: ArraySlice<[UInt8]>?
    /// Directories of this layer by path, whose attributes are set at the end: writing into them would change their times, and their
    /// modes may forbid it.
    var directories: [[UInt8]: PendingDirectory] = [:]
    var rootIsOpaque = false
    /// What aufs's hard links lead to, while the archive is read.
    var aufsFiles: SharedDescriptor?
    /// What the layers below have to say once they are known.
    var deferred = DeferredNeeds()

    struct PendingDirectory {
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
        if case .file = entry.kind, let name = aufsFile(path) { return try keepAufsFile(name, entry, reader) }
        // In a directory of aufs's bookkeeping: it means no more than the directory itself.
        for component in path.components.dropLast() where try Whiteout(component, entry: entry.name) == .ignored { return }
        guard let name = path.components.last else {
            // The root itself. As anything but a directory it would be nonsense.
            guard case .directory = entry.kind else { throw UnpackFailure(.unsupportedEntry, entry: entry.name) }
            directories[[]]?.attributes = entry.attributes
            return
        }
        try refuseMarks(in: path.components.dropLast(), entry.name)
        if let whiteout = try Whiteout(name, entry: entry.name) { return try apply(whiteout, path, entry) }
        switch entry.kind {
        case .file:
            try makeFile(name, in: try enter(path.components.dropLast(), entry), entry, reader)
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
            let number = try device(major, minor, entry)
            guard number != 0 else { throw UnpackFailure(.unsupportedEntry, entry: entry.name) }
            try makeNode(name, path, entry, type: FileType.characterDevice, device: number)
        case .blockDevice(let major, let minor):
            try makeNode(name, path, entry, type: FileType.blockDevice, device: try device(major, minor, entry))
        case .fifo: try makeNode(name, path, entry, type: FileType.fifo, device: 0)
        case .other: throw UnpackFailure(.unsupportedEntry, entry: entry.name)
        }
    }

    /// A name that means a removal is that of nothing else: it would be taken for one by whoever makes a layer of what is here.
    func refuseMarks(in components: some Sequence<[UInt8]>, _ entry: [UInt8]) throws(UnpackFailure) {
        for component in components where try Whiteout(component, entry: entry) != nil { throw UnpackFailure(.badWhiteout, entry: entry) }
    }

    private func checkAttributes(_ entry: TarEntry) throws(UnpackFailure) {
        var size = 0
        for (name, value) in entry.attributes.extended {
            if name.isEmpty || name.contains(0) { throw UnpackFailure(.forbiddenAttribute, entry: entry.name, detail: name) }
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

    func makeFile(
        _ name: [UInt8], in parent: SharedDescriptor, _ entry: TarEntry, _ reader: ArchiveReader
    ) throws(UnpackFailure) {
        guard entry.size >= 0, UInt64(entry.size) <= limits.fileSize else { throw UnpackFailure(.tooLarge, entry: entry.name) }
        let file = try create(name, in: parent, entry.name) { () throws(Errno) in
            try FileCalls.open(name, at: parent.rawValue, flags: O_WRONLY | O_CREAT | O_EXCL, mode: entry.attributes.mode & 0o777)
        }
        try fill(file, entry, reader)
        try setAttributes(entry.attributes, on: file.rawValue, isNew: true, entry.name)
    }

    private func fill(_ file: borrowing OwnedDescriptor, _ entry: TarEntry, _ reader: ArchiveReader) throws(UnpackFailure) {
        var end: Int64 = 0
        var segments: UInt32 = 0
        let descriptor = file.rawValue
        while let (bytes, start) = try unsafe reader.block(of: entry.name) {
            var rest = unsafe bytes
            var offset = start
            guard offset >= 0, offset <= entry.size, Int64(rest.count) <= entry.size - offset else {
                throw UnpackFailure(.damagedArchive, entry: entry.name)
            }
            if offset != end {
                segments += 1
                guard segments <= limits.sparseSegments else { throw UnpackFailure(.tooManySegments, entry: entry.name) }
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

    /// mknod(2) has 12 bits for the major number and 20 for the minor one, and cuts off the rest: 4096:0 would become overlayfs's whiteout.
    private func device(_ major: UInt32, _ minor: UInt32, _ entry: TarEntry) throws(UnpackFailure) -> dev_t {
        guard major < 1 << 12, minor < 1 << 20 else { throw UnpackFailure(.unsupportedEntry, entry: entry.name) }
        return ck_makedev(major, minor)
    }

    func makeDirectory(
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
        let path = physicalPath(of: name)
        directories[Self.key(path)] = PendingDirectory(path: path, attributes: attributes, isOpaque: isOpaque)
        deferred.listed(Self.key(path))
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

    func remove(_ name: [UInt8], in parent: SharedDescriptor, _ entry: [UInt8]) throws(UnpackFailure) {
        lastParent = nil
        try system(entry) { () throws(Errno) in try FileCalls.remove(name, at: parent.rawValue) }
    }

    // MARK: whiteouts

    private func apply(_ whiteout: Whiteout, _ path: EntryPath, _ entry: TarEntry) throws(UnpackFailure) {
        switch whiteout {
        case .ignored: return
        case .opaque:
            _ = try enter(path.components.dropLast(), entry)
            if chain.isEmpty {
                rootIsOpaque = true
                return
            }
            let key = Self.key(chain.map(\.name))
            directories[key]?.isOpaque = true
            deferred.becameAmbiguous(key)
        case .name(let name):
            let parent = try enter(path.components.dropLast(), entry)
            do throws(Errno) {
                try FileCalls.makeNode(name, at: parent.rawValue, mode: FileType.characterDevice, device: 0)
                if !chain.isEmpty { deferred.whiteouts.append(physicalPath(of: name)) }
            } catch .fileExists {
                // A whiteout removes what lies below, never what its own layer brings: a file hides the rest anyway.
                directories[key(of: name)]?.isOpaque = true
                deferred.becameAmbiguous(key(of: name))
            } catch { throw .system(error, entry: entry.name) }
        }
    }
}

/// As a `ck_…` function returns it.
private func errnoResult(_ value: Int) -> Int { value < 0 ? -Int(errno) : value }
