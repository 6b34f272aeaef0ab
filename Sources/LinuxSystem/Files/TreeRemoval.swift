internal import CLinux
package import SystemPackage

/// Removes a directory with everything in it, whatever a container has put there.
///
/// No symbolic link is followed and no mount is crossed; several may remove the same directory at once. Directories deeper than a bound are first moved up, so that
/// neither the stack nor the descriptor table grows with the depth that a container chose.
package enum TreeRemoval {
    private static let deepest = 48

    /// - Throws: `Errno.deviceBusy` when something is mounted below (crossDeviceLink of the walk becomes this), or
    ///   the first errno that stopped it. A directory that does not exist is no error.
    package static func remove(_ path: String) throws(Errno) {
        if ck_unlinkat(AT_FDCWD, path, AT_REMOVEDIR) == 0 { return }
        let top: OwnedDescriptor
        do throws(Errno) {
            top = try OwnedDescriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch .noSuchFileOrDirectory { return }
        for retry in 0... {
            try removeContents(of: top)
            let result = ck_unlinkat(AT_FDCWD, path, AT_REMOVEDIR)
            if result == 0 || result == -Int(ENOENT) { return }
            // Somebody else was at work in it meanwhile: a shim and its host may remove the same directory.
            if result != -Int(ENOTEMPTY) || retry == 8 { try check(result) }
        }
    }

    /// Removes what is in a directory, which is open for reading, and leaves the directory.
    package static func removeContents(of top: borrowing OwnedDescriptor) throws(Errno) {
        var moved: UInt64 = 0
        var before: UInt64
        repeat {
            // Moved directories reappear at the top, and the last pass has read that to its end.
            try check(Int(lseek(top.rawValue, 0, SEEK_SET)))
            before = moved
            try empty(top, top: top, depth: 0, moved: &moved)
        } while moved != before
    }

    package struct Entry {
        var name: [UInt8]
        var isDirectory: Bool
    }

    /// What is in a directory, which is open for reading.
    package static func entries(of directory: borrowing OwnedDescriptor) throws(Errno) -> [Entry] {
        var entries: [Entry] = []
        try DirectoryEntries.forEach(in: directory) { (name, type) throws(Errno) in
            entries.append(Entry(name: name, isDirectory: type == UInt8(DT_DIR)))
        }
        return entries
    }

    private static func empty(
        _ directory: borrowing OwnedDescriptor, top: borrowing OwnedDescriptor, depth: Int, moved: inout UInt64
    ) throws(Errno) {
        // Names first: removing while reading may skip entries on some file systems.
        for entry in try entries(of: directory) {
            let terminated = entry.name.map { CChar(bitPattern: $0) } + [0]
            if !entry.isDirectory {
                let result = ck_unlinkat(directory.rawValue, terminated, 0)
                if result == 0 || result == -Int(ENOENT) { continue }
                if result != -Int(EISDIR) { try check(result) }
            }
            let result = ck_unlinkat(directory.rawValue, terminated, AT_REMOVEDIR)
            if result == 0 || result == -Int(ENOENT) { continue }
            guard result == -Int(ENOTEMPTY) || result == -Int(EEXIST) else {
                try check(result)
                continue
            }
            if depth >= deepest {
                try move(terminated, from: directory, to: top, moved: &moved)
                continue
            }
            // Gone, or filled again, by somebody else: the next pass sees.
            do throws(Errno) {
                let child = try OwnedDescriptor.open(
                    terminated, at: directory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
                    resolve: [.beneath, .noMountCrossing, .noSymlinks])
                try empty(child, top: top, depth: depth + 1, moved: &moved)
                try check(ck_unlinkat(directory.rawValue, terminated, AT_REMOVEDIR))
            } catch  where error == .noSuchFileOrDirectory || error == .directoryNotEmpty {}
        }
    }

    /// Moves a directory up under a name that is free: who filled the tree may have taken the first ones.
    private static func move(
        _ name: [CChar], from directory: borrowing OwnedDescriptor, to top: borrowing OwnedDescriptor, moved: inout UInt64
    ) throws(Errno) {
        while true {
            moved += 1
            let result = ck_renameat2(
                directory.rawValue, name, top.rawValue, ".removed-\(moved)", CUnsignedInt(RENAME_NOREPLACE))
            if result == -Int(EEXIST) { continue }
            if result != -Int(ENOENT) { try check(result) }
            return
        }
    }
}

extension OwnedDescriptor {
    /// As `open(_:at:…)`, for a name that need not be UTF-8.
    fileprivate static func open(
        _ name: [CChar], at directory: borrowing OwnedDescriptor, flags: CInt, resolve: ResolveFlags
    ) throws(Errno) -> OwnedDescriptor {
        let flags = UInt64(UInt32(bitPattern: flags | O_CLOEXEC))
        return OwnedDescriptor(CInt(try check(ck_openat2(directory.rawValue, name, flags, 0, resolve.rawValue))))
    }
}
