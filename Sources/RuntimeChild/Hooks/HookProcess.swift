internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// Runs hooks in the namespaces of the caller, which has one thread. See: runtime-spec config.md, "POSIX-platform Hooks".
package enum HookProcess {
    /// Runs one hook and waits for its end.
    /// - Parameter state: the container's state as JSON, which the hook reads on standard input.
    package static func run(_ hook: HookPlan, state: String) throws(HookFailure) {
        let process: LaunchedProcess
        do throws(Errno) { process = try start(hook, state) } catch { throw .notStarted(error.rawValue) }
        var polled = pollfd(fd: process.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        let limit = hook.timeout.map { CInt(clamping: $0 * 1000) } ?? -1
        var ready = unsafe poll(&polled, 1, limit)
        while ready < 0 { ready = unsafe poll(&polled, 1, limit) }
        if ready == 0 { ck_pidfd_send_signal(process.descriptor.rawValue, SIGKILL) }
        let reaped = try? ReapedProcess.wait(for: .descriptor(process.descriptor.rawValue), blocking: true)
        if ready == 0 { throw .timedOut }
        switch reaped?.status {
        case .exited(code: 0): return
        case .exited(let code): throw .exited(code)
        case .signaled(let signal, _): throw .signaled(signal)
        case nil: throw .notStarted(ECHILD)
        }
    }

    private static func start(_ hook: HookPlan, _ state: String) throws(Errno) -> LaunchedProcess {
        // In memory rather than a pipe: a hook that reads nothing holds nobody up.
        let input = try OwnedDescriptor.scratch(named: "state")
        try input.write(Array(state.utf8))
        try check(ck_lseek(input.rawValue, 0, SEEK_SET))
        let sink = try? SharedDescriptor(OwnedDescriptor.open("/dev/null", flags: O_WRONLY))
        let output = sink?.rawValue ?? -1
        let arguments = CStringTable(hook.arguments)
        let environment = CStringTable(hook.environment)
        guard case .parent(let process) = try ProcessClone(0, into: nil).make() else {
            ck_empty_signal_mask()
            ck_dup3(input.rawValue, 0, 0)
            if output >= 0 {
                ck_dup3(output, 1, 0)
                ck_dup3(output, 2, 0)
            }
            ck_close_range(3, .max, 0)
            // Who calls an OCI runtime command has limits and keys of its own, which are no hook's business.
            StandardLimits.apply(openFiles: 1024)
            ck_keyctl_join_session(nil)
            unsafe ck_execve(hook.path, arguments.pointer, environment.pointer)
            ck_exit(127)
        }
        return process
    }
}
