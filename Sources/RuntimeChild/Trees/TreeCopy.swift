internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Copies directories of a container, by descriptors and never through a link. The caller's umask is 0.
enum TreeCopy {
    /// Deeper trees are refused: each level holds two descriptors.
    private static let deepest = 100

    /// Copies what is in `source` into `target`, with modes, owners and times of modification; sockets and extended attributes are
    /// left out.
    /// - Throws: `Errno.fileNameTooLong` for a tree of more than 100 levels, `Errno.noSpace` when the target is full.
    static func copyContents(
        of source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor, depth: Int = 0
    ) throws(Errno) {
        if depth > deepest { throw .fileNameTooLong }
        var names: [String] = []
        try DirectoryEntries.forEach(in: source) { (name, _) throws(Errno) in names.append(String(decoding: name, as: UTF8.self)) }
        for name in names { try copy(name, source, target, depth) }
    }

    /// Whether a volume was never filled: it is made without any permission.
    static func isFresh(_ volume: CInt) throws(Errno) -> Bool {
        var status = stat()
        try check(unsafe ck_fstat(volume, &status))
        return status.st_mode & 0o7777 == 0
    }

    /// A volume where the image has nothing.
    static func leaveEmpty(_ volume: borrowing OwnedDescriptor) throws(Errno) {
        // The descriptor of a detached tree is a mere path.
        let directory = try open(".", O_RDONLY | O_DIRECTORY, volume)
        try check(ck_fchmod(directory.rawValue, 0o755))
    }

    /// Owner, mode and time of modification.
    static func copyAttributes(of source: borrowing OwnedDescriptor, to target: borrowing OwnedDescriptor) throws(Errno) {
        var status = stat()
        try check(unsafe ck_fstat(source.rawValue, &status))
        // The descriptor of a detached tree is a mere path.
        try finish(open(".", O_RDONLY | O_DIRECTORY, target), status, UInt32(status.st_mode) & 0o7777)
    }

    private static func copy(
        _ name: String, _ source: borrowing OwnedDescriptor, _ target: borrowing OwnedDescriptor, _ depth: Int
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
            try finish(to, status, mode)
        case UInt32(S_IFREG):
            let from = try open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, source)
            let to = try open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, target)
            while try check(ck_sendfile(to.rawValue, from.rawValue, 1 << 20)) > 0 {}
            try finish(to, status, mode)
        case UInt32(S_IFLNK):
            guard let link = ContainerRoot.readLink(name, in: source.rawValue) else { throw .ioError }
            try check(unsafe ck_symlinkat(link, target.rawValue, name))
            try check(unsafe ck_fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
        case UInt32(S_IFSOCK): return
        default:
            try check(unsafe ck_mknodat(target.rawValue, name, status.format | mode, UInt64(status.st_rdev)))
            try check(unsafe ck_fchownat(target.rawValue, name, status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW))
        }
    }

    private static func open(_ name: String, _ flags: CInt, _ directory: borrowing OwnedDescriptor) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(unsafe ck_openat(directory.rawValue, name, flags | O_CLOEXEC, 0o600))))
    }

    private static func finish(_ file: borrowing OwnedDescriptor, _ status: stat, _ mode: UInt32) throws(Errno) {
        try check(ck_fchown(file.rawValue, status.st_uid, status.st_gid))
        // After the owner, whose change clears set-id bits.
        try check(ck_fchmod(file.rawValue, mode))
        ck_set_times(file.rawValue, status.st_mtim)
    }
}
