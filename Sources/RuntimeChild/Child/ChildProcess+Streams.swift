internal import CLinux
internal import LinuxSystem
internal import SystemPackage

extension ChildProcess {
    /// A session of its own, and descriptors 0 to 2.
    mutating func connectStreams(_ root: borrowing ContainerRoot) throws(Errno) {
        page.enter(.terminal)
        try check(ck_setsid())
        guard plan.terminal else {
            page.enter(.standardStreams)
            if streams.isEmpty { return }
            try place(streams)
            if plan.uid != 0 { for descriptor in CInt(0)...2 { giveToUser(descriptor) } }
            return
        }
        let terminal = try terminal(in: root)
        let slave = terminal.slave.rawValue
        try check(ck_ioctl(slave, ck_TIOCSCTTY, 0))
        try place([slave, slave, slave])
        var byte = SetupMessage.terminal
        var master = terminal.master.rawValue
        try check(unsafe ck_send(setup, &byte, 1, &master, 1, 0))
    }

    private func place(_ sources: [CInt]) throws(Errno) {
        var sources = sources
        for index in sources.indices where sources[index] < 3 && sources[index] != CInt(index) {
            // Would be overwritten by an earlier one.
            sources[index] = CInt(try check(ck_fcntl(sources[index], F_DUPFD_CLOEXEC, 10)))
        }
        for (index, source) in sources.enumerated() {
            if source == CInt(index) {
                try check(ck_fcntl(source, F_SETFD, 0))
            } else {
                try check(ck_dup3(source, CInt(index), 0))
            }
        }
    }

    /// Pipes, files and ptys belong to the container's user, who may open them again by /dev/stdout. Failure is harmless
    /// where the file cannot change hands (a read-only file system, a pipe of another user namespace).
    private func giveToUser(_ descriptor: CInt) {
        var status = stat()
        guard unsafe ck_fstat(descriptor, &status) == 0, status.st_uid != plan.uid else { return }
        let format = status.format
        let isTerminal = format == UInt32(S_IFCHR) && (136...143).contains(ck_major(status.st_rdev))
        guard format == UInt32(S_IFIFO) || format == UInt32(S_IFREG) || isTerminal else { return }
        unsafe ck_fchownat(descriptor, "", plan.uid, .max, CInt(AT_EMPTY_PATH))
    }
}
