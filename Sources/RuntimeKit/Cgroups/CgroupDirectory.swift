internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Calls on directories and files of cgroupfs.
enum CgroupDirectory {
    /// Makes a cgroup.
    /// - Returns: false when it was there.
    @discardableResult
    static func make(_ path: String) throws(Errno) -> Bool {
        if mkdir(path, 0o755) == 0 { return true }
        let errno = Errno(rawValue: Glibc.errno)
        if errno == .fileExists { return false }
        throw errno
    }

    /// Writes a control in one write(2).
    static func write(_ value: String, to path: String) throws(Errno) {
        try OwnedDescriptor.open(path, flags: O_WRONLY).write(value)
    }

    /// Removes a cgroup.
    static func remove(_ path: String) throws(Errno) {
        if rmdir(path) != 0 { throw Errno(rawValue: Glibc.errno) }
    }
}
