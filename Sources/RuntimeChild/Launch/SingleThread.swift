internal import CLinux

/// The condition of every launch: a process with threads must not be copied by clone3.
package enum SingleThread {
    /// True when the calling process has one thread. Asked once, at the start of a shim: it costs a walk of /proc.
    package static func check() -> Bool {
        var status = stat()
        // `.`, `..` and one directory for each thread.
        return unsafe stat("/proc/self/task", &status) == 0 && status.st_nlink == 3
    }
}
