internal import CLinux
internal import Glibc
package import SystemPackage

/// The kind of file system that something lies on.
package enum FileSystemMagic {
    /// The magic number of the file system at a path. See: man 2 statfs.
    package static func of(_ path: String) throws(Errno) -> Int {
        let file = try OwnedDescriptor.open(path, flags: O_PATH)
        var status = statfs()
        if fstatfs(file.rawValue, &status) < 0 { throw Errno(rawValue: errno) }
        return Int(status.f_type)
    }
}
