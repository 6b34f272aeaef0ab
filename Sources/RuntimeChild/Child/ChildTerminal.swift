internal import CLinux
package import LinuxSystem
package import SystemPackage

/// A pty of the container's own devpts, made by the child; the master goes to the launcher.
struct ChildTerminal {
    let master: SharedDescriptor
    let slave: SharedDescriptor

    /// DEVPTS_SUPER_MAGIC of linux/magic.h.
    private static let devpts = 0x1cd1

    /// - Throws: `Errno.operationNotSupportedByDevice` when what is at /dev/pts is no devpts.
    init(in root: borrowing ContainerRoot, size: TerminalSize?, uid: UInt32) throws(Errno) {
        let master = try root.open("/dev/pts/ptmx", flags: O_RDWR | O_NOCTTY)
        guard ck_file_system_type(master.rawValue) == Self.devpts else { throw .operationNotSupportedByDevice }
        var locked: CInt = 0
        try check(unsafe ck_ioctl_pointer(master.rawValue, ck_TIOCSPTLCK, &locked))
        // By the master and never by path: what /dev/pts/<n> is, the container decides.
        let flags = UInt(UInt32(O_RDWR | O_NOCTTY | O_CLOEXEC))
        let slave = OwnedDescriptor(CInt(try check(ck_ioctl(master.rawValue, ck_TIOCGPTPEER, flags))))
        if let size { try TerminalControl.resize(master.rawValue, size) }
        if uid != 0 { try check(unsafe ck_fchownat(slave.rawValue, "", uid, .max, CInt(AT_EMPTY_PATH))) }
        self.master = SharedDescriptor(master)
        self.slave = SharedDescriptor(slave)
    }
}

/// What can be done to a pty master.
package enum TerminalControl {
    /// Sets the window size; the foreground process group gets SIGWINCH. See: man 4 tty_ioctl.
    package static func resize(_ master: SharedDescriptor, rows: UInt16, columns: UInt16) throws(Errno) {
        try resize(master.rawValue, TerminalSize(rows: rows, columns: columns))
    }

    static func resize(_ master: CInt, _ size: TerminalSize) throws(Errno) {
        var window = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
        try check(unsafe ck_ioctl_pointer(master, ck_TIOCSWINSZ, &window))
    }
}
