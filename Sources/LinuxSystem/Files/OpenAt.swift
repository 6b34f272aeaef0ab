internal import CLinux
package import SystemPackage

/// How openat2(2) may walk a path.
package struct ResolveFlags: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// No magic link such as `/proc/<pid>/fd/<n>` is followed.
    package static let noMagicLinks = ResolveFlags(rawValue: UInt64(RESOLVE_NO_MAGICLINKS))
    /// No symbolic link is followed, in the middle of the path neither.
    package static let noSymlinks = ResolveFlags(rawValue: UInt64(RESOLVE_NO_SYMLINKS))
    /// The directory is the root of the walk: `/` and `..` and absolute links stay inside.
    package static let inRoot = ResolveFlags(rawValue: UInt64(RESOLVE_IN_ROOT))
    /// The walk may not leave the directory at all.
    package static let beneath = ResolveFlags(rawValue: UInt64(RESOLVE_BENEATH))
    /// The walk crosses no mount point.
    package static let noMountCrossing = ResolveFlags(rawValue: UInt64(RESOLVE_NO_XDEV))

    /// What every path of an image or a container is resolved with.
    package static let hostile: ResolveFlags = [.inRoot, .noMagicLinks]
}

extension OwnedDescriptor {
    /// Opens a path by openat2(2); close-on-exec is always added.
    ///
    /// - Parameters:
    ///   - directory: where a relative path starts, and the root with `.inRoot`.
    ///   - flags: `O_…` flags.
    ///   - mode: permissions of a file that is created.
    /// - Throws: the errno of the call; EAGAIN of a racing rename is retried.
    package static func open(
        _ path: String, at directory: borrowing OwnedDescriptor, flags: CInt, mode: UInt32 = 0, resolve: ResolveFlags
    ) throws(Errno) -> OwnedDescriptor {
        try open(path, at: directory.rawValue, flags: flags, mode: mode, resolve: resolve)
    }

    /// Opens a path relative to the working directory, with no limits on the walk: for the host's own paths.
    package static func open(_ path: String, flags: CInt, mode: UInt32 = 0) throws(Errno) -> OwnedDescriptor {
        try open(path, at: AT_FDCWD, flags: flags, mode: mode, resolve: [])
    }

    /// A directory of the host, opened to name places below it.
    package static func directory(_ path: String) throws(Errno) -> OwnedDescriptor {
        try open(path, flags: O_PATH | O_DIRECTORY)
    }

    private static func open(
        _ path: String, at directory: CInt, flags: CInt, mode: UInt32, resolve: ResolveFlags
    ) throws(Errno) -> OwnedDescriptor {
        // Unsigned first: O_CLOEXEC and friends must not sign-extend into the upper half, which openat2 refuses.
        let flags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        var attempts = 0
        while true {
            let result = ck_openat2(directory, path, flags, UInt64(mode), resolve.rawValue)
            if result >= 0 { return OwnedDescriptor(CInt(result)) }
            attempts += 1
            let errno = Errno(rawValue: CInt(-result))
            // EAGAIN: a rename elsewhere raced with `..` in a scoped walk (man 2 openat2).
            guard errno == .interrupted || (errno == .resourceTemporarilyUnavailable && attempts < 128) else {
                throw errno
            }
        }
    }
}
