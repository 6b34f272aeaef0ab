internal import CSeccomp
internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// Compiles a profile to the program that the kernel runs on each system call, by libseccomp. The profile has been validated.
/// See: man 3 seccomp_init, seccomp_rule_add, seccomp_export_bpf.
enum SeccompCompiler {
    /// Counts when the way of compiling changes, so that programs of an older one are not taken from a cache.
    static let version: UInt32 = 1

    /// The architectures of a profile's filter: the native one, and of those it lists the ones whose programs can run here.
    static func architectures(of profile: RuntimeConfiguration.Seccomp) -> [FilterArchitecture] {
        let native = FilterArchitecture.native
        let listed = (profile.architectures ?? []).compactMap(SeccompNames.architecture).map(FilterArchitecture.init)
        return [native] + native.compatible.filter(listed.contains)
    }

    /// - Throws: `RuntimeError.Code.seccompFailed`.
    static func compile(_ profile: RuntimeConfiguration.Seccomp) throws(RuntimeError) -> [UInt8] {
        let architectures = architectures(of: profile)
        guard let defaultAction = SeccompNames.action(profile.defaultAction, data: profile.defaultErrnoRet),
            let context = seccomp_init(defaultAction)
        else { throw failure("libseccomp refuses the default action", .invalidArgument) }
        defer { seccomp_release(context) }
        for architecture in architectures.dropFirst() {
            try check(seccomp_arch_add(context, architecture.token), "cannot add an architecture")
        }
        // A binary tree instead of a list: each call passes some ten tests instead of hundreds, and so does the kernel when it
        // precomputes its answers while the filter is loaded.
        try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "cannot optimise")
        for (index, rule) in (profile.syscalls ?? []).enumerated() {
            guard let action = SeccompNames.action(rule.action, data: rule.errnoRet) else { continue }
            // libseccomp refuses rules that say what is said already.
            if action == defaultAction { continue }
            for name in rule.names {
                let number = seccomp_syscall_resolve_name(name)
                // Unknown to this version of libseccomp: validation has made sure that nothing is allowed by its absence.
                if number == __NR_SCMP_ERROR { continue }
                for conditions in conditions(of: rule) {
                    let result = seccomp_rule_add_array(context, action, number, UInt32(conditions.count), conditions)
                    try check(result, "cannot add rule \(index) for \(name)")
                }
            }
        }
        let program = try export(context)
        guard let prologue = UnknownCallPrologue(profile, architectures: architectures) else { return program }
        let bytes = prologue.filter.bytes + program
        guard bytes.count / 8 <= SocketFilter.limit else {
            throw failure("the program has \(bytes.count / 8) instructions, more than the kernel takes", .argListTooLong)
        }
        return bytes
    }

    /// Conditions of one rule hold together, but those on the same argument each alone: libseccomp cannot join them, and other
    /// runtimes read them as alternatives, which profiles count on.
    private static func conditions(of rule: RuntimeConfiguration.SeccompRule) -> [[scmp_arg_cmp]] {
        let conditions = (rule.args ?? []).compactMap { argument -> scmp_arg_cmp? in
            guard let comparison = SeccompNames.comparison(argument.op) else { return nil }
            return scmp_arg_cmp(arg: argument.index, op: comparison, datum_a: argument.value, datum_b: argument.valueTwo ?? 0)
        }
        let isUnique = Set(conditions.map(\.arg)).count == conditions.count
        return isUnique ? [conditions] : conditions.map { [$0] }
    }

    private static func export(_ context: scmp_filter_ctx) throws(RuntimeError) -> [UInt8] {
        do throws(Errno) {
            let file = try OwnedDescriptor.scratch(named: "ck-seccomp")
            let result = seccomp_export_bpf(context, file.rawValue)
            if result < 0 { throw Errno(rawValue: -result) }
            return try file.rewindAndReadAll(limit: SocketFilter.limit * 8)
        } catch { throw failure("cannot export the program", error) }
    }

    private static func check(_ result: CInt, _ reason: String) throws(RuntimeError) {
        if result < 0 { throw failure(reason, Errno(rawValue: -result)) }
    }

    private static func failure(_ reason: String, _ errno: Errno) -> RuntimeError {
        RuntimeError(
            .seccompFailed, .field("linux.seccomp"), "libseccomp \(SeccompNames.libraryVersion): \(reason)", errno: errno,
            advice: "Look for rules that contradict each other, or make the profile smaller.")
    }
}
