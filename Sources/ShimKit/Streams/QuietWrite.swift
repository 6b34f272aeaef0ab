internal import CLinux
internal import Glibc

/// write(2) that never raises SIGPIPE: a process that stopped reading must not end the program that embeds this package, and the
/// program's own disposition of the signal is not ours to change.
enum QuietWrite {
    /// - Returns: bytes written, or the negated errno.
    static func write(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        var pipe = sigset_t()
        var previous = sigset_t()
        var pending = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        sigpending(&pending)
        let wasPending = sigismember(&pending, SIGPIPE) == 1
        pthread_sigmask(SIG_BLOCK, &pipe, &previous)
        let result = ck_write(descriptor, bytes, count)
        if result == -Int(EPIPE) && !wasPending {
            // It went to this thread, and is taken back before it is let through.
            var zero = timespec()
            while sigtimedwait(&pipe, nil, &zero) < 0 && errno == EINTR {}
        }
        pthread_sigmask(SIG_SETMASK, &previous, nil)
        return result
    }
}
