internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Copies directories of a container, by descriptors and never through a link. The caller's umask is 0.
enum TreeCopy {
    /// Deeper trees are refused: each level holds two descriptors.
    private static let deepest = 100

    /// Copies what is in `source` into `target`, with modes, owners, extended attributes and times of modification; sockets are left out.
    /// - Throws: `Errno.fileNameTooLong` for a tree of more than 100 levels, `Errno.noSpace` when the target is full.
    static func copyContents(
        of source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, depth: Int = 0
    ) throws(Errno) {
        if depth > deepest { throw .fileNameTooLong }
        var names: [[CChar]] = []
        try DirectoryEntries.forEach(in: source) { (name, _) throws(Errno) in names.append(name.map { CChar(bitPattern: $0) } + [0]) }
        for name in names { try copy(name, source, target, depth) }
    }

    private static func copy(
        _ name: [CChar], _ source: borrowing OwnedDescriptor, _ target: borrowing OwnedDescriptor, _ depth: Int
    ) throws(Errno) {
        var status = stat()
        try check(unsafe ck_fstatat(source.rawValue, name, &status, AT_SYMLINK_NOFOLLOW))
        let mode = UInt32(status.st_mode) & 0o7777
        switch status.format {
        case UInt32(S_IFDIR):
            try check(unsafe ck_mkdirat(target.rawValue, name, 0o700))
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
            let from = try open(name, flags, source)
            let to = try open(name, flags, target)
            try copyContents(of: from, to: to, depth: depth + 1)
            try copyAttributes(of: from, status, mode, to: to)
        case UInt32(S_IFREG):
            let from = try open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, source)
            let to = try open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, target)
            while try check(ck_sendfile(to.rawValue, from.rawValue, 1 << 20)) > 0 {}
            try copyAttributes(of: from, status, mode, to: to)
        case UInt32(S_IFLNK):
            // The zero at its end stays.
            var link = [CChar](repeating: 0, count: 4097)
            try check(unsafe ck_readlinkat(source.rawValue, name, &link, 4096))
            try check(unsafe ck_symlinkat(link, target.rawValue, name))
            try check(unsafe ck_fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
        case UInt32(S_IFSOCK): return
        default:
            try check(unsafe ck_mknodat(target.rawValue, name, status.format | mode, UInt64(status.st_rdev)))
            try check(unsafe ck_fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
        }
    }

    private static func open(_ name: [CChar], _ flags: CInt, _ directory: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(unsafe ck_openat(directory.rawValue, name, flags | O_CLOEXEC, 0o600))))
    }

    /// - Parameter mode: the one that the copy gets.
    static func copyAttributes(
        of source: borrowing OwnedDescriptor, _ status: stat, _ mode: UInt32, to copy: borrowing OwnedDescriptor
    ) throws(Errno) {
        try check(ck_fchown(copy.rawValue, status.st_uid, status.st_gid))
        // After the owner, whose change clears capabilities and set-id bits.
        try copyExtendedAttributes(of: source.rawValue, to: copy.rawValue)
        try check(ck_fchmod(copy.rawValue, mode))
        ck_set_times(copy.rawValue, status.st_mtim)
    }

    // MARK: extended attributes

    private static func copyExtendedAttributes(of source: CInt, to copy: CInt) throws(Errno) {
        let size = ck_flistxattr(source, nil, 0)
        if size == 0 || size == -Int(EOPNOTSUPP) { return }
        var list = [CChar](repeating: 0, count: try check(size))
        list.removeLast(list.count - (try check(unsafe ck_flistxattr(source, &list, list.count))))
        var value: [UInt8] = []
        for name in list.split(separator: 0) where !belongsElsewhere(name) {
            let name = Array(name) + [0]
            let size = unsafe ck_fgetxattr(source, name, nil, 0)
            if size == -Int(ENODATA) { continue }
            value = [UInt8](repeating: 0, count: try check(size))
            let count = value.count
            try check(unsafe ck_fgetxattr(source, name, &value, count))
            let result = unsafe ck_fsetxattr(copy, name, value, count)
            // A file system that has none of this kind: as unpacking does.
            if result == -Int(EOPNOTSUPP), hasPrefix(name[...], "user.") || hasPrefix(name[...], "system.") { continue }
            try check(result)
        }
    }

    /// What belongs to overlayfs or to the host's policy.
    private static func belongsElsewhere(_ name: ArraySlice<CChar>) -> Bool {
        ["trusted.overlay.", "security.selinux", "security.ima", "security.evm"].contains { hasPrefix(name, $0) }
    }

    private static func hasPrefix(_ name: ArraySlice<CChar>, _ prefix: String) -> Bool {
        name.starts(with: prefix.utf8.map { CChar(bitPattern: $0) })
    }
}
