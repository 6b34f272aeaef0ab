internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

extension LaunchSupervision {
    /// Fetches the descriptor of the child's filter and sends it to the listener. The child waits without a system call, since its
    /// filter may hand any of them to a listener that does not exist yet.
    /// See: runtime-spec config-linux.md, "The Container Process State".
    func handOverListener() throws(LaunchFailure) {
        do throws(Errno) {
            guard let listener else { throw .invalidArgument }
            var waited = 0
            while page.listener == nil {
                // The child says why in the page, or its end shows at the socket.
                if page.failure != nil { return }
                var polled = pollfd(fd: setup.rawValue, events: 0, revents: 0)
                if unsafe poll(&polled, 1, 0) > 0 || waited > 100_000 { return }
                usleep(50)
                waited += 1
            }
            let number = page.listener ?? -1
            let filter = OwnedDescriptor(CInt(try check(ck_pidfd_getfd(process.descriptor.rawValue, number))))
            let state = listener.state.joined(separator: String(try process.descriptor.hostPid()))
            try Self.send(filter, state, to: listener.path)
            page.isListenerTaken = true
        } catch {
            end()
            throw LaunchFailure(.seccompListener, errno: error)
        }
    }

    private static func send(_ filter: borrowing OwnedDescriptor, _ state: String, to path: String) throws(Errno) {
        let socket = OwnedDescriptor(CInt(try check(ck_socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0))))
        try check(unsafe ck_connect_path(socket.rawValue, path))
        let bytes = Array(state.utf8)
        var number = filter.rawValue
        let sent = Int(try check(unsafe ck_send(socket.rawValue, bytes, bytes.count, &number, 1, 0)))
        if sent < bytes.count { try socket.write(Array(bytes[sent...])) }
    }
}

extension ChildProcess {
    /// Loads a filter that hands system calls on, and waits until somebody listens.
    func loadListeningFilter() throws(Errno) {
        page.enter(.seccomp)
        var byte = SetupMessage.listener
        try check(unsafe ck_send(setup, &byte, 1, nil, 0, 0))
        // SECCOMP_FILTER_FLAG_NEW_LISTENER; all threads are this one.
        let flags = plan.seccompFlags & ~1 | 8
        page.listener = CInt(try check(unsafe ck_seccomp_load(flags, plan.seccompProgram, plan.seccompProgram.count)))
        let start = Self.seconds
        // The clock is read without a system call.
        while !page.isListenerTaken { if Self.seconds - start > 10 { throw .timedOut } }
    }

    private static var seconds: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return time.tv_sec
    }
}
