internal import CLinux
package import SystemPackage

/// A thread of one's own for calls that block, so that none blocks Swift's cooperative pool.
package enum ServiceThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new detached thread, named `name` (15 bytes), with every signal blocked: the host's handlers
    /// stay on the host's threads.
    /// - Throws: `Errno.resourceTemporarilyUnavailable` at the limit of threads. See: man 3 pthread_create.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 512 * 1024)
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        let argument = Unmanaged.passRetained(
            Body {
                ck_prctl_pointer(PR_SET_NAME, name)
                body()
            })
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, argument.toOpaque())
        if result != 0 {
            argument.release()
            throw Errno(rawValue: result)
        }
    }
}
