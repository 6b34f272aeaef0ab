internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension ContainerChild {
    /// One step of the plan.
    mutating func perform(_ step: LaunchStep, _ index: Int) throws(Errno) {
        switch step {
        case .setPropagation(let flags):
            // Nothing of the host's is there.
            if ahead.mounts == nil { try check(unsafe ck_mount(nil, "/", nil, UInt(flags), nil)) }
        case .attachRoot(let tree):
            // `root` has stood for it from the beginning.
            try prepared.trees[Int(tree)].withDescriptor { mount throws(Errno) in try mount.moveMount(onto: "/") }
        case .attach(let tree, let target):
            try attach(prepared.trees[Int(tree)], target)
        case .mount(let type, let source, let target, let options, let attributes):
            let mount: OwnedDescriptor
            if type == "sysfs", source == PreparedNetwork.sysfsSource, options.isEmpty, let sysfs = ahead.sysfs.take() {
                mount = try FileSystemContext.mount(created: sysfs, attributes: attributes)
            } else {
                mount = try FileSystemContext.mount(type, source: source, options: options, attributes: attributes)
            }
            try mount.moveMount(onto: try root.ensure(target, isDirectory: true))
            root.forgetDirectories()
        case .setAttributes(let target, let set, let clear, let recursive):
            try root.open(target, flags: O_PATH).setMountAttributes(set: set, clear: clear, recursive: recursive)
        case .setTargetPropagation(let target, let flags):
            try setPropagation(target, flags)
        case .makeDirectory(let path, let mode):
            _ = try root.ensure(path, isDirectory: true, mode: mode)
        case .makeDevice(let path, let type, let major, let minor, let mode, let uid, let gid):
            if let host = prepared.devices[index] {
                try attach(host, path)
            } else {
                try makeDevice(path, type, ck_makedev(major, minor), mode, uid, gid)
            }
        case .symlink(let target, let path):
            let (directory, name) = try root.parent(of: path)
            let result = unsafe ck_symlinkat(target, directory, name)
            if result == -Int(EEXIST), ContainerRoot.readLink(name, in: directory) == target { return }
            try check(result)
        case .maskPaths(let paths): for path in paths { try mask(path) }
        case .makeReadOnly(let paths): for path in paths { try makeReadOnly(path) }
        case .bindConsole:
            let terminal = try process.terminal(in: root)
            let target = try root.ensure("/dev/console", isDirectory: false)
            try terminal.slave.withDescriptor { slave throws(Errno) in
                try slave.cloneMount(recursive: false).moveMount(onto: target)
            }
        case .pivotRoot: try pivotRoot()
        case .setHostname(let name): try check(unsafe ck_sethostname(name, name.utf8.count))
        case .setDomainname(let name): try check(unsafe ck_setdomainname(name, name.utf8.count))
        case .setSysctl(let name, let value): try setSysctl(name, value)
        case .raiseLoopback: try check(ck_raise_loopback())
        case .copyUp(let tree, let target, let isWhole): try copyUp(prepared.trees[Int(tree)], target, isWhole)
        }
    }

    private mutating func attach(_ tree: SharedDescriptor, _ path: String) throws(Errno) {
        if try !move(tree, root.find(path)) {
            // Made like the tree's own root.
            var status = stat()
            try check(unsafe ck_fstat(tree.rawValue, &status))
            _ = try move(tree, root.ensure(path, isDirectory: status.format == UInt32(S_IFDIR)))
        }
        root.forgetDirectories()
    }

    private func copyUp(_ tree: SharedDescriptor, _ path: String, _ isWhole: Bool) throws(Errno) {
        func source() throws(Errno) -> OwnedDescriptor? {
            try root.find(path) == nil ? nil : try root.open(path, flags: O_RDONLY | O_DIRECTORY)
        }
        try tree.withDescriptor { target throws(Errno) in
            if isWhole { return try VolumeFill.fill(target, from: source) }
            if let source = try source() { try TreeCopy.copyContents(of: source, to: target) }
        }
    }

    /// False when there is no target.
    private func move(_ tree: SharedDescriptor, _ target: consuming OwnedDescriptor?) throws(Errno) -> Bool {
        guard let target else { return false }
        try check(
            unsafe ck_move_mount(
                tree.rawValue, "", target.rawValue, "",
                CUnsignedInt(MOVE_MOUNT_F_EMPTY_PATH) | CUnsignedInt(MOVE_MOUNT_T_EMPTY_PATH)))
        return true
    }

    /// `MS_REC` may stand beside the type.
    private func setPropagation(_ target: String, _ flags: UInt64) throws(Errno) {
        try root.open(target, flags: O_PATH).setMountAttributes(
            propagation: flags & ~ck_MS_REC, recursive: flags & ck_MS_REC != 0)
    }

    private mutating func makeDevice(
        _ path: String, _ type: DeviceType, _ number: dev_t, _ mode: UInt32, _ uid: UInt32, _ gid: UInt32
    ) throws(Errno) {
        let (directory, name) = try root.parent(of: path)
        let format: UInt32 =
            switch type {
            case .character: UInt32(S_IFCHR)
            case .block: UInt32(S_IFBLK)
            case .fifo: UInt32(S_IFIFO)
            }
        let device = type == .fifo ? 0 : UInt64(number)
        let result = unsafe ck_mknodat(directory, name, format | mode, device)
        if result == -Int(EEXIST) {
            // The same node already: fine. Anything else is somebody's file and is not replaced.
            var status = stat()
            try check(unsafe ck_fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW))
            guard status.format == format, type == .fifo || status.st_rdev == number else {
                throw .fileExists
            }
        } else {
            try check(result)
        }
        if uid != 0 || gid != 0 { try check(unsafe ck_fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW)) }
    }

    /// Makes the root tree the root of this process, and the host's tree go from its mount namespace.
    /// See: man 2 pivot_root ("pivot_root(".", ".")").
    private func pivotRoot() throws(Errno) {
        try check(ck_fchdir(root.rawValue))
        // Below it there is only the empty directory: nothing to let go, and nothing to be found.
        if ahead.mounts != nil {
            try check(unsafe ck_chroot("."))
            return
        }
        let result = unsafe ck_pivot_root(".", ".")
        if result == -Int(EINVAL) && process.command.mayChroot {
            try check(unsafe ck_chroot("."))
            return
        }
        try check(result)
        try check(unsafe ck_umount2(".", ck_MNT_DETACH))
    }

    /// Dots separate, unless there are slashes: then a dot is one of a name, as of an interface.
    static func sysctlPath(_ name: String) -> String {
        let slash = UInt8(ascii: "/")
        if name.utf8.contains(slash) { return name }
        return String(decoding: name.utf8.map { $0 == UInt8(ascii: ".") ? slash : $0 }, as: UTF8.self)
    }

    private func setSysctl(_ name: String, _ value: String) throws(Errno) {
        let path = "sys/" + Self.sysctlPath(name)
        if let proc = try? root.open("/proc", flags: O_PATH | O_DIRECTORY), proc.isRootOfProc,
            let file = try? OwnedDescriptor.open(path, at: proc, flags: O_WRONLY | O_NONBLOCK, resolve: .withinOneProc)
        {
            return try file.write(value)
        }
        // No /proc in the container, something that only looks like one, or something mounted over the parameter.
        let proc = try FileSystemContext.mount("proc", source: "proc", options: [], attributes: 0)
        try OwnedDescriptor.open(path, at: proc, flags: O_WRONLY, resolve: .withinOneProc).write(value)
    }
}

extension OwnedDescriptor {
    /// True when the file lies on procfs: an image may put anything else at /proc.
    var isOnProc: Bool { ck_file_system_type(rawValue) == Int(ck_PROC_SUPER_MAGIC) }

    /// True for the uppermost directory of a procfs (PROC_ROOT_INO): no part of one that was bound there.
    var isRootOfProc: Bool {
        var status = stat()
        guard isOnProc, unsafe ck_fstat(rawValue, &status) == 0 else { return false }
        return status.st_ino == 1
    }
}

extension ResolveFlags {
    /// A link or a mount in a procfs would lead a write to another file of it (CVE-2025-52881): being on procfs is not enough.
    static let withinOneProc = ResolveFlags.beneath.union(.noSymlinks).union(.noMagicLinks).union(.noMountCrossing)
}
