internal import CLinux
internal import Glibc

/// Clocks of the kernel, in nanoseconds. See: man 2 clock_gettime.
package enum KernelClock {
    /// Since 1970; somebody may set it.
    package static func realtime() -> Int64 { read(CLOCK_REALTIME) }

    /// Since some moment before; nobody sets it.
    package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
