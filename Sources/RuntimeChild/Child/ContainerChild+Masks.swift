internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension ContainerChild {
    /// Covers what is at `path`, if anything: a directory with the empty file system, anything else with /dev/null.
    mutating func mask(_ path: String) throws(Errno) {
        guard let target = try root.find(path) else { return }
        var status = stat()
        try check(unsafe ck_fstat(target.rawValue, &status))
        if status.format == UInt32(S_IFDIR) {
            try coverDirectory(target)
        } else {
            try nullDevice().cloneMount(recursive: false).moveMount(onto: target)
        }
    }

    /// One read-only tmpfs covers them all.
    private mutating func coverDirectory(_ target: borrowing OwnedDescriptor) throws(Errno) {
        if let emptyDirectory {
            return try emptyDirectory.withDescriptor { mount throws(Errno) in
                try mount.cloneMount(recursive: false).moveMount(onto: target)
            }
        }
        // What the namespace began with is such a file system, and stays this process's `/` until it changes its root.
        let mount = ahead.mounts == nil ? try EmptyMounts.fileSystem() : try OwnedDescriptor.cloneMount("/", recursive: false)
        try mount.moveMount(onto: target)
        emptyDirectory = SharedDescriptor(mount)
    }

    /// The container's /dev/null, checked to be that: an image could have put a file of its own there, and what was to
    /// be hidden would be writable in its place.
    private func nullDevice() throws(Errno) -> OwnedDescriptor {
        let null = try root.open("/dev/null", flags: O_PATH)
        var status = stat()
        try check(unsafe ck_fstat(null.rawValue, &status))
        guard status.format == UInt32(S_IFCHR), status.st_rdev == ck_makedev(1, 3) else { throw .operationNotSupportedByDevice }
        return null
    }

    /// Binds what is at `path`, if anything, onto itself, read-only with everything below it.
    func makeReadOnly(_ path: String) throws(Errno) {
        guard let target = try root.find(path) else { return }
        let copy = try target.cloneMount(recursive: true)
        try copy.setMountAttributes(set: UInt64(MOUNT_ATTR_RDONLY), recursive: true)
        try copy.moveMount(onto: target)
    }
}
