internal import CLinux
internal import Glibc
package import SystemPackage

/// How a process ended.
package enum ProcessStatus: Sendable, Hashable {
    case exited(code: CInt)
    case signaled(CInt, coreDumped: Bool)
}

/// A child that was waited for.
package struct ReapedProcess: Sendable {
    package var pid: CInt
    package var status: ProcessStatus
    /// User and system time in microseconds, and the peak resident set in KiB.
    package var userMicroseconds: Int64
    package var systemMicroseconds: Int64
    package var peakResidentKiB: Int64
}

/// `P_PIDFD` and `__WALL`, which the C library's headers give as an enumeration and a macro with a cast.
private let pidfdType: CInt = 3
private let waitsForAll: CInt = 0x4000_0000

extension ReapedProcess {
    /// Which child to wait for.
    package enum Target: Sendable {
        case any
        case pid(CInt)
        case descriptor(CInt)
    }

    /// Waits for a child of any kind (`__WALL`, so clone children without SIGCHLD count too).
    /// - Returns: nil when `blocking` is false and none has ended.
    /// - Throws: `Errno.noChildProcess`. See: man 2 waitid.
    package static func wait(for target: Target, blocking: Bool) throws(Errno) -> ReapedProcess? {
        var info = siginfo_t()
        var usage = rusage()
        let (type, id): (CInt, CInt) =
            switch target {
            case .any: (CInt(P_ALL.rawValue), 0)
            case .pid(let pid): (CInt(P_PID.rawValue), pid)
            case .descriptor(let descriptor): (pidfdType, descriptor)
            }
        let options = WEXITED | waitsForAll | (blocking ? 0 : WNOHANG)
        try retrying { ck_waitid(type, id, &info, options, &usage) }
        let pid = ck_siginfo_pid(&info)
        if pid == 0 { return nil }
        let value = ck_siginfo_status(&info)
        let status: ProcessStatus =
            switch ck_siginfo_code(&info) {
            case CInt(CLD_EXITED): .exited(code: value)
            case CInt(CLD_DUMPED): .signaled(value, coreDumped: true)
            default: .signaled(value, coreDumped: false)
            }
        return ReapedProcess(
            pid: pid, status: status,
            userMicroseconds: Int64(usage.ru_utime.tv_sec) * 1_000_000 + Int64(usage.ru_utime.tv_usec),
            systemMicroseconds: Int64(usage.ru_stime.tv_sec) * 1_000_000 + Int64(usage.ru_stime.tv_usec),
            peakResidentKiB: Int64(usage.ru_maxrss))
    }

    /// The child that `wait(for: .any)` would reap now; it stays to be waited for.
    /// - Returns: nil when none has ended, or there is none.
    package static func firstEnded() -> CInt? {
        var info = siginfo_t()
        let options = WEXITED | waitsForAll | WNOHANG | WNOWAIT
        while true {
            let result = ck_waitid(CInt(P_ALL.rawValue), 0, &info, options, nil)
            if result == -Int(EINTR) { continue }
            let pid = ck_siginfo_pid(&info)
            return result == 0 && pid != 0 ? pid : nil
        }
    }
}
