internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Process 1 of a container that asked for one: our own code, no binary of the image. It hands signals on, reaps, and ends with the
/// status of the program.
///
/// It shares memory with nobody and has nothing open. What lives in the container can neither trace nor read it, nor open its
/// executable: it is not dumpable, and a container with CAP_SYS_PTRACE is refused before.
extension ChildProcess {
    /// Returns in the program; the caller's process becomes the init.
    func splitOffInit() throws(Errno) {
        page.enter(.clone)
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe sigprocmask(SIG_BLOCK, &all, nil)
        let program = try ProcessClone.bare(0, exitSignal: SIGCHLD)
        if program == 0 {
            // A group of its own, in the foreground: what is typed reaches it once.
            setpgid(0, 0)
            if plan.terminal { tcsetpgrp(0, getpid()) }
            ck_empty_signal_mask()
            return
        }
        Self.becomeInit(of: program, killing: plan.capabilities.permitted & (1 << 5))
    }

    private static func becomeInit(of program: CInt, killing capability: UInt64) -> Never {
        ck_close_range(0, .max, 0)
        _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-init")
        hideArguments()
        // Of its rights only that to signal a program that changed its user.
        ck_capset(capability, capability, 0)
        ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        var all = sigset_t()
        unsafe sigfillset(&all)
        while true {
            var information = unsafe siginfo_t()
            let signal = unsafe sigwaitinfo(&all, &information)
            if signal < 0 { continue }
            if signal != SIGCHLD {
                ck_kill(program, signal)
                continue
            }
            while let child = try? ReapedProcess.wait(for: .any, blocking: false) {
                guard child.pid == program else { continue }
                switch child.status {
                case .exited(let code): ck_exit(code)
                // A process 1 cannot end by a signal: as a shell says it.
                case .signaled(let signal, _): ck_exit(128 + signal)
                }
            }
        }
    }

    /// /proc/1/cmdline is for everybody to read, and would show the arguments of the host program.
    private static func hideArguments() {
        guard let file = try? OwnedDescriptor.open("/proc/self/cmdline", flags: O_RDONLY),
            let count = try? file.readAll(limit: 1 << 20).count, count > 0
        else { return }
        ck_hide_arguments(UInt(count))
    }
}
