internal import CLinux
internal import Glibc
internal import Synchronization
package import SystemPackage

/// Calls on names in open directories that change more than one file.
package enum DirectoryCalls {
    /// Renames a name, and replaces what has the new one only if `replacing`. See: man 2 renameat2.
    /// - Throws: `Errno.fileExists` when the new name is taken and `replacing` is false.
    package static func rename(
        _ old: String, in from: SharedDescriptor, to new: String, in directory: SharedDescriptor, replacing: Bool
    ) throws(Errno) {
        try check(
            ck_renameat2(from.rawValue, old, directory.rawValue, new, replacing ? 0 : CUnsignedInt(RENAME_NOREPLACE)))
    }

    /// Makes what names a directory has outlast a power failure. Blocks. See: man 2 fsync.
    package static func flush(_ directory: SharedDescriptor) throws(Errno) {
        if fsync(directory.rawValue) != 0 { throw Errno(rawValue: errno) }
    }

    /// How often this process has flushed a whole file system.
    package static var flushCount: Int { flushes.load(ordering: .relaxed) }
    private static let flushes = Atomic(0)

    /// Flushes the whole file system that holds `directory`. It blocks for as long as the disk takes. See: man 2 syncfs.
    package static func flushFileSystem(of directory: SharedDescriptor) throws(Errno) {
        flushes.add(1, ordering: .relaxed)
        try check(ck_syncfs(directory.rawValue))
    }
}
