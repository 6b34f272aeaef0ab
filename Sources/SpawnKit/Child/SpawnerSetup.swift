internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Sheds everything the spawner inherited from the host program.
///
/// Standard streams are on /dev/null, the session is new, signals are at their defaults: posix_spawn saw to that
/// before the first instruction.
enum SpawnerSetup {
    static func becomeNobodysHeir(keeping control: borrowing OwnedDescriptor) {
        _ = ck_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-spawner")
        var kept: [CInt] = [0, 1, 2, control.rawValue]
        try? DescriptorTable.closeAll(except: &kept)
        ck_default_signals()
        _ = unsafe chdir("/")
        _ = umask(0o077)
        // Keys of the host's session must not reach a container (CVE class: keyrings are not namespaced).
        _ = unsafe ck_keyctl_join_session(keyringName())
        ck_clear_environment()
        resetScheduling()
        // As many descriptors as possible, since a spawner and its shims hold several a container (the payload gets the plan's limits).
        StandardLimits.apply(openFiles: 1 << 20)
    }

    /// Says in /proc/keys whose the keyring is. It ends in random digits, since joining a name joins whatever keyring of that
    /// name may be searched (keyctl_join_session_keyring(3)): somebody who knew it could have one waiting for us.
    private static func keyringName() -> String {
        "ck-spawner:\(getppid()):" + String(UInt64.random(in: 0 ... .max), radix: 16)
    }

    /// Niceness, affinity and the OOM score of the host are its own. Lowering niceness may be refused; then it stays.
    private static func resetScheduling() {
        _ = ck_setpriority(0, 0, 0)
        _ = ck_reset_affinity()
        if let file = try? OwnedDescriptor.open("/proc/self/oom_score_adj", flags: O_WRONLY) { try? file.write("0") }
    }
}
