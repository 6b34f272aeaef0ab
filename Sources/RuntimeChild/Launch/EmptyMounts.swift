internal import CLinux
package import LinuxSystem
internal import SystemPackage

/// A mount namespace with nothing in it but an empty directory, in which nobody can make anything. Those of containers are copies of it.
///
/// A copy of the launcher's own would begin with all mounts of the host, which the child would have to throw out: umount(2) of every one of
/// them, and pivot_root(2), for which the kernel looks at every process of the machine (0.4 ms beside 1,000 containers).
package final class EmptyMounts {
    private var made: CInt = -1

    /// Makes one. The calling process has one thread, and keeps its own.
    /// - Returns: nil where none can be made, as on an initial ramfs: containers then begin with a copy of the launcher's.
    package static func make() -> SharedDescriptor? {
        let maker = EmptyMounts()
        // A process of its own, since the way back out of another mount namespace does not lead to a root that was changed; with the
        // caller's table of descriptors, where the namespace's is to be.
        let pid = unsafe ck_clone3_borrowing(
            ck_CLONE_NEWNS | ck_CLONE_FILES | ck_CLONE_CLEAR_SIGHAND, nil, SIGCHLD, 0,
            { context in
                guard let context = unsafe context else { ck_exit(127) }
                unsafe Unmanaged<EmptyMounts>.fromOpaque(context).takeUnretainedValue().workAndEnd()
            }, Unmanaged.passUnretained(maker).toOpaque())
        guard pid > 0 else { return nil }
        _ = try? ReapedProcess.wait(for: .pid(CInt(pid)), blocking: true)
        return maker.made < 0 ? nil : SharedDescriptor(OwnedDescriptor(maker.made))
    }

    private func workAndEnd() -> Never {
        work()
        ck_exit(0)
    }

    /// A frame of its own, so that nothing stays open.
    @inline(never)
    private func work() { if let namespace = try? Self.enter() { made = namespace.release() } }

    private static func enter() throws(Errno) -> OwnedDescriptor {
        // Nothing that is done here reaches the host.
        try check(unsafe ck_mount(nil, "/", nil, UInt(MountPropagation([.private, .recursive]).rawValue), nil))
        let own = try OwnedDescriptor.open("/proc/self/ns/mnt", flags: O_RDONLY)
        let empty = try fileSystem()
        try empty.moveMount(onto: "/")
        try check(ck_fchdir(empty.rawValue))
        try check(unsafe ck_pivot_root(".", "."))
        try check(unsafe ck_umount2(".", ck_MNT_DETACH))
        // Where this is not permitted no child could.
        try check(ck_setns(own.rawValue, CInt(ck_CLONE_NEWNS)))
        return own
    }

    /// An empty directory that stays empty; it may be mounted in several containers.
    static func fileSystem() throws(Errno) -> OwnedDescriptor {
        try FileSystemContext.mount(
            "tmpfs", source: "tmpfs", options: [MountOption("nr_inodes", "1"), MountOption("mode", "0")],
            attributes: MountAttributes([.readOnly, .noSetUID, .noDevices, .noExecute]).rawValue)
    }
}

extension LaunchPlan {
    /// Whether the container's mount namespace may begin empty: all that it is to have comes as trees, and nobody wants to see the host's
    /// meanwhile, as hooks of an OCI runtime do. Not with CAP_SYS_ADMIN, which could make the empty directory writable: other containers have
    /// it too.
    var mayBeginEmpty: Bool {
        let admin: UInt64 = 1 << 21
        let sets = process.capabilities
        return flavour == .supervised && namespaces.new & ck_CLONE_NEWNS != 0 && !namespaces.changesUser && rootTree != nil
            && steps.contains(.pivotRoot) && (sets.bounding | sets.permitted | sets.ambient) & admin == 0
    }
}
