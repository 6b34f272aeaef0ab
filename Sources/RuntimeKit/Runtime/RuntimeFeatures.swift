internal import JSONCoding
internal import OCIModel

/// What this runtime can do, as `features` of an OCI runtime command tells it. See: runtime-spec features.md, features-linux.md.
public enum RuntimeFeatures {
    private static let attributes = ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "strictatime", "nosymfollow"]
    private static let cleared = ["rw", "suid", "dev", "exec", "atime", "diratime", "norelatime", "nostrictatime", "symfollow"]
    private static let propagations = ["private", "slave", "shared", "unbindable"]

    /// The document.
    public static func json() -> String {
        func list(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
        func enabled(_ value: Bool) -> JSONValue { .object([("enabled", .bool(value))]) }
        let probe = HostFeatures.detect()
        let plain = attributes + cleared
        let words = ["bind", "rbind", "defaults", "idmap", "ridmap", "remount", "tmpcopyup"]
        let options = words + plain + plain.map { "r" + $0 } + propagations + propagations.map { "r" + $0 }
        let namespaces = ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
        let actions = [
            "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
            "SCMP_ACT_NOTIFY", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP",
        ]
        let operators = ["EQ", "GE", "GT", "LE", "LT", "MASKED_EQ", "NE"].map { "SCMP_CMP_" + $0 }
        let architectures = ["AARCH64", "ARM", "X32", "X86", "X86_64"].map { "SCMP_ARCH_" + $0 }
        let flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"]
        let listenerFlag = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
        let hooks = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
        return JSONValue.object([
            ("ociVersionMin", .string("1.0.0")), ("ociVersionMax", .string(RuntimeConfiguration.specificationVersion)),
            ("hooks", list(hooks)), ("mountOptions", list(options.sorted())),
            (
                "linux",
                .object([
                    ("namespaces", list(namespaces)), ("capabilities", list((0...probe.lastCapability).map(CapabilityName.name))),
                    (
                        "cgroup",
                        .object([
                            ("v1", .bool(true)), ("v2", .bool(true)), ("systemd", .bool(true)), ("systemdUser", .bool(false)),
                            ("rdma", .bool(true)),
                        ])
                    ),
                    (
                        "seccomp",
                        .object([
                            ("enabled", .bool(probe.hasSeccompFilters)), ("actions", list(actions)), ("operators", list(operators)),
                            ("archs", list(architectures)), ("knownFlags", list(flags + [listenerFlag])),
                            ("supportedFlags", list(flags + [listenerFlag])),
                        ])
                    ),
                    ("apparmor", enabled(true)), ("selinux", enabled(true)), ("intelRdt", enabled(false)),
                    ("mountExtensions", .object([("idmap", enabled(true))])), ("netDevices", enabled(true)),
                    (
                        "memoryPolicy",
                        .object([
                            ("modes", list(MemoryPolicyCompiler.modes.keys.sorted())),
                            ("flags", list(MemoryPolicyCompiler.flags.keys.sorted())),
                        ])
                    ),
                ])
            ), ("annotations", .object([])),
        ]).text(isIndented: true)
    }
}
