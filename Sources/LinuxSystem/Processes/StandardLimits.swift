internal import CLinux
internal import Glibc

/// Resource limits that are nobody's in particular: what a process gets that must not have those of the program it was made by.
package enum StandardLimits {
    /// Gives this process the kernel's defaults, as far as the hard limits allow. See: man 2 prlimit.
    /// - Parameter openFiles: the soft limit of descriptors.
    package static func apply(openFiles: UInt64) {
        let none = UInt64.max
        // RLIMIT_… in the order of the kernel: CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS
        // SIGPENDING MSGQUEUE NICE RTPRIO RTTIME.
        let soft: [UInt64] = [
            none, none, none, 8 << 20, 0, none, none, openFiles, 8 << 20, none, none, none, 819_200, 0, 0, none,
        ]
        for (resource, soft) in soft.enumerated() {
            var current = rlimit()
            guard unsafe ck_prlimit(0, CInt(resource), nil, &current) == 0 else { continue }
            var wanted = rlimit(rlim_cur: rlim_t(soft), rlim_max: max(current.rlim_max, rlim_t(soft)))
            if unsafe ck_prlimit(0, CInt(resource), &wanted, nil) == 0 { continue }
            wanted = rlimit(rlim_cur: min(rlim_t(soft), current.rlim_max), rlim_max: current.rlim_max)
            _ = unsafe ck_prlimit(0, CInt(resource), &wanted, nil)
        }
    }
}
