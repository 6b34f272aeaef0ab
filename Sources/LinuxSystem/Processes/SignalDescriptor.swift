internal import CLinux
internal import Glibc
package import SystemPackage

extension OwnedDescriptor {
    /// Readable when one of these signals is pending for the calling thread, which blocks them from now on. See: man 2 signalfd.
    package static func blockedSignals(_ signals: [CInt]) throws(Errno) -> OwnedDescriptor {
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in signals { sigaddset(&mask, signal) }
        let result = pthread_sigmask(SIG_BLOCK, &mask, nil)
        if result != 0 { throw Errno(rawValue: result) }
        let descriptor = signalfd(-1, &mask, CInt(SFD_CLOEXEC) | CInt(SFD_NONBLOCK))
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        return OwnedDescriptor(descriptor)
    }
}
