internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// A descriptor that stands for a process: readable when it has ended. See: man 2 pidfd_open.
    /// - Throws: `Errno.noSuchProcess`.
    package static func process(_ pid: CInt) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(ck_pidfd_open(pid, 0))))
    }

    /// Sends a signal to the process this pidfd stands for; never to another that got its number.
    /// - Throws: `Errno.noSuchProcess` when it has been waited for. See: man 2 pidfd_send_signal.
    package borrowing func sendSignal(_ signal: CInt) throws(Errno) {
        try check(ck_pidfd_send_signal(rawValue, signal))
    }
}

extension SharedDescriptor {
    /// Sends a signal to the process this pidfd stands for. See `OwnedDescriptor.sendSignal`.
    package func sendSignal(_ signal: CInt) throws(Errno) {
        try check(ck_pidfd_send_signal(rawValue, signal))
    }
}
