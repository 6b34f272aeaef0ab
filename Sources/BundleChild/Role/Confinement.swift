internal import CLinux
internal import LinuxSystem

/// What the unpacker gives up before it looks at the first hostile byte.
enum Confinement {
    /// No gain of privileges, no core file, and where the kernel has Landlock: writing below the staging directory only, reading there and
    /// in the finished layers. Descriptors that are open stay usable. What the kernel lacks is left out: the writer's own rules hold alone.
    static func enter(staging: CInt, layers: CInt) {
        _ = umask(0)
        _ = ck_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe ck_prlimit(0, CInt(RLIMIT_CORE.rawValue), &none, nil)
        _ = ck_landlock_confine(staging, layers)
    }
}
