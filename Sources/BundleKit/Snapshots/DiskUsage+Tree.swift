internal import BundleChild
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

extension DiskUsage {
    /// Adds up a tree, following no link and crossing no mount. Blocks. What goes away meanwhile is not counted.
    init(of path: FilePath) throws(Errno) {
        self.init()
        let root = try OwnedDescriptor.open(path.string, flags: O_DIRECTORY | O_NOFOLLOW)
        let status = try FileCalls.status(of: root.rawValue)
        var seen: Set<UInt64> = []
        var sum: Int64 = 0
        count(status, &sum)
        try add(root.rawValue, device: status.st_dev, &seen, &sum)
        bytes = .bytes(sum)
    }

    private mutating func count(_ status: stat, _ sum: inout Int64) {
        inodes += 1
        sum += Int64(status.st_blocks) * 512
    }

    private mutating func add(_ directory: CInt, device: dev_t, _ seen: inout Set<UInt64>, _ sum: inout Int64) throws(Errno) {
        for name in try FileCalls.names(in: directory) {
            guard let status = try FileCalls.status(name, at: directory), status.st_dev == device else { continue }
            if FileCalls.isDirectory(status) {
                count(status, &sum)
                do throws(Errno) {
                    let inner = try FileCalls.open(name, at: directory, flags: FileCalls.directoryFlags)
                    try add(inner.rawValue, device: device, &seen, &sum)
                } catch .noSuchFileOrDirectory {}
            } else if status.st_nlink == 1 || seen.insert(UInt64(status.st_ino)).inserted {
                count(status, &sum)
            }
        }
    }
}
