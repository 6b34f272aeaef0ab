internal import CSeccomp
internal import OCIModel

/// What a profile may say. See: runtime-spec config-linux.md "Seccomp".
enum SeccompValidation {
    private static let field = "linux.seccomp"

    static func check(_ profile: RuntimeConfiguration.Seccomp, features: HostFeatures) throws(RuntimeError) {
        guard features.hasSeccompFilters else {
            throw .hostLacks(field, "the kernel has no seccomp filters", advice: "Use a kernel with CONFIG_SECCOMP_FILTER, or no filter.")
        }
        if !(profile.listenerPath ?? "").isEmpty {
            throw .unsupported(field + ".listenerPath", "notifications of system calls are not supported")
        }
        if !(profile.listenerMetadata ?? "").isEmpty {
            throw .unsupported(field + ".listenerMetadata", "notifications of system calls are not supported")
        }
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

    private static func action(
        _ action: RuntimeConfiguration.SeccompAction, _ data: UInt32?, _ field: String, _ dataField: String
    ) throws(RuntimeError) {
        if action == .notify { throw .unsupported(field, "notifications of system calls are not supported") }
        guard SeccompNames.action(action, data: data) != nil else { throw .invalid(field, "\"\(action.rawValue)\" is an unknown action") }
        guard let data else { return }
        guard action == .errno || action == .trace else { throw .invalid(dataField, "has no meaning with \(action.rawValue)") }
        // MAX_ERRNO of linux/err.h: above it the kernel answers with 4095.
        let limit: UInt32 = action == .errno ? 4095 : 0xffff
        if data > limit { throw .invalid(dataField, "\(data) is above \(limit)") }
    }
}
