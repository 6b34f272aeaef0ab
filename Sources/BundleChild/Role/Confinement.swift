internal import CLinux
internal import Glibc
internal import LinuxSystem

/// What the unpacker gives up before it looks at the first hostile byte.
enum Confinement {
    /// Owners, modes and times of any file, device nodes, file capabilities and trusted attributes: what layers hold.
    private static let capabilities: UInt64 = [
        UInt64(CAP_CHOWN), UInt64(CAP_DAC_OVERRIDE), UInt64(CAP_DAC_READ_SEARCH), UInt64(CAP_FOWNER), UInt64(CAP_FSETID),
        UInt64(CAP_SYS_ADMIN), UInt64(CAP_MKNOD), UInt64(CAP_SETFCAP),
    ].reduce(0) { $0 | 1 << $1 }

    /// No gain of privileges, no core file, bounded memory, files and descriptors; a mount namespace of its own; the capabilities that
    /// layers need and no others; where the kernel has Landlock, writing below the staging directory only, reading there and in the
    /// finished layers; and a filter that leaves the system calls of this work. Descriptors that are open stay usable. What the kernel
    /// lacks is left out: the writer's own rules hold alone.
    static func enter(staging: CInt, layers: CInt, limits: UnpackLimits) {
        _ = umask(0)
        _ = ck_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        limit(CInt(RLIMIT_CORE.rawValue), 0)
        // Lower layers and directories on the way to an entry are held open.
        limit(CInt(RLIMIT_NOFILE.rawValue), 4096)
        limit(CInt(RLIMIT_FSIZE.rawValue), limits.fileSize)
        limit(CInt(RLIMIT_DATA.rawValue), limits.memory + (2 << UInt64(min(limits.zstdWindowLog, 31))))
        if ck_unshare(UInt64(CLONE_NEWNS)) == 0 { _ = unsafe ck_mount("none", "/", nil, UInt(ck_MS_REC | ck_MS_SLAVE), nil) }
        _ = ck_landlock_confine(staging, layers)
        _ = ck_capset(capabilities, capabilities, 0)
        _ = ck_filter_unpacker()
    }

    /// Sets a limit, soft and hard; the hard one is never raised.
    private static func limit(_ resource: CInt, _ value: UInt64) {
        var old = rlimit()
        guard unsafe ck_prlimit(0, resource, nil, &old) == 0 else { return }
        let bounded = min(value, UInt64(old.rlim_max))
        var new = rlimit(rlim_cur: rlim_t(bounded), rlim_max: rlim_t(bounded))
        _ = unsafe ck_prlimit(0, resource, &new, nil)
    }
}
