internal import CSeccomp
internal import OCIModel
internal import Synchronization

/// What a profile may say. See: runtime-spec config-linux.md "Seccomp".
enum SeccompValidation {
    private static let field = "linux.seccomp"

    static func check(_ profile: RuntimeConfiguration.Seccomp, features: HostFeatures) throws(RuntimeError) {
        guard features.hasSeccompFilters else {
            throw .hostLacks(field, "the kernel has no seccomp filters", advice: "Use a kernel with CONFIG_SECCOMP_FILTER, or no filter.")
        }
        if valid.withLock({ $0[profile] }) != nil { return }
        try content(profile)
        valid.withLock { $0.keep(true, for: profile) }
    }

    /// What depends on the profile alone is found out once.
    private static let valid = Mutex(RecentProfiles<Bool>())

    private static func content(_ profile: RuntimeConfiguration.Seccomp) throws(RuntimeError) {
        try listener(profile)
        for (index, name) in (profile.architectures ?? []).enumerated() {
            guard SeccompNames.architecture(name) != nil || SeccompNames.foreign.contains(name) else {
                throw .invalid("\(field).architectures[\(index)]", "\"\(name)\" is an unknown architecture")
            }
        }
        for (index, name) in (profile.flags ?? []).enumerated() {
            guard SeccompNames.flag(name) != nil else {
                throw .unsupported("\(field).flags[\(index)]", "\"\(name)\" is not supported")
            }
        }
        try action(profile.defaultAction, profile.defaultErrnoRet, "\(field).defaultAction", "\(field).defaultErrnoRet")
        // The launch itself makes calls behind the filter, and nobody listens yet.
        if profile.defaultAction == .notify {
            throw .unsupported("\(field).defaultAction", "cannot ask a listener about every system call")
        }
        let isPermissive = profile.defaultAction == .allow || profile.defaultAction == .log || profile.defaultAction == .trace
        for (index, rule) in (profile.syscalls ?? []).enumerated() {
            let field = "\(field).syscalls[\(index)]"
            try action(rule.action, rule.errnoRet, field + ".action", field + ".errnoRet")
            if rule.names.isEmpty { throw .invalid(field + ".names", "is empty") }
            for (nameIndex, name) in rule.names.enumerated() {
                if name.isEmpty || name.utf8.contains(0) { throw .invalid("\(field).names[\(nameIndex)]", "is empty or holds a NUL") }
                // Where the rest is allowed, a rule that is skipped because nobody knows the call would be a hole.
                guard isPermissive, rule.action != .allow, rule.action != .log else { continue }
                if seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR {
                    throw .hostLacks(
                        "\(field).names[\(nameIndex)]",
                        "libseccomp \(SeccompNames.libraryVersion) does not know the system call \"\(name)\", so it would not be stopped",
                        advice: "Check the name, install a newer libseccomp, or list what is allowed instead of what is not.")
                }
            }
            for (argumentIndex, argument) in (rule.args ?? []).enumerated() {
                let field = "\(field).args[\(argumentIndex)]"
                if argument.index > 5 { throw .invalid(field + ".index", "\(argument.index) is above 5") }
                guard SeccompNames.comparison(argument.op) != nil else {
                    throw .invalid(field + ".op", "\"\(argument.op)\" is an unknown comparison")
                }
            }
        }
    }

    private static func listener(_ profile: RuntimeConfiguration.Seccomp) throws(RuntimeError) {
        let path = profile.listenerPath ?? ""
        if path.isEmpty {
            if !(profile.listenerMetadata ?? "").isEmpty { throw .invalid(field + ".listenerMetadata", "needs listenerPath") }
            for (index, rule) in (profile.syscalls ?? []).enumerated() where rule.action == .notify {
                throw .invalid("\(field).syscalls[\(index)].action", "SCMP_ACT_NOTIFY needs listenerPath")
            }
            let flag = (profile.flags ?? []).firstIndex(of: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
            if let flag { throw .invalid("\(field).flags[\(flag)]", "needs listenerPath") }
            return
        }
        // sun_path of man 7 unix holds 107 bytes.
        guard path.hasPrefix("/"), !path.utf8.contains(0), path.utf8.count <= 107 else {
            throw .invalid(field + ".listenerPath", "\"\(path)\" is no absolute path of at most 107 bytes")
        }
    }

    private static func action(
        _ action: RuntimeConfiguration.SeccompAction, _ data: UInt32?, _ field: String, _ dataField: String
    ) throws(RuntimeError) {
        guard SeccompNames.action(action, data: data) != nil else { throw .invalid(field, "\"\(action.rawValue)\" is an unknown action") }
        guard let data else { return }
        guard action == .errno || action == .trace else { throw .invalid(dataField, "has no meaning with \(action.rawValue)") }
        // MAX_ERRNO of linux/err.h: above it the kernel answers with 4095.
        let limit: UInt32 = action == .errno ? 4095 : 0xffff
        if data > limit { throw .invalid(dataField, "\(data) is above \(limit)") }
    }
}
