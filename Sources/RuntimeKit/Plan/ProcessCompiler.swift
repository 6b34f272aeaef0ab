internal import OCIModel
internal import RuntimeChild

/// The process of a configuration, or of an exec. See: runtime-spec config.md "Process".
struct ProcessCompiler {
    let process: RuntimeConfiguration.Process
    let configuration: RuntimeConfiguration
    let features: HostFeatures
    let seccomp: SeccompCache
    /// Whether it is a further process of a running container.
    let isExec: Bool
    /// What a listener of its filter is told.
    let bundle: String
    let container: String

    func compile() throws(RuntimeError) -> ProcessPlan {
        var plan = ProcessPlan(arguments: try arguments())
        plan.environment = try environment()
        plan.workingDirectory = try ContainerPath.checked(process.cwd, field: "process.cwd")
        try identity(&plan)
        plan.capabilities = try CapabilityCompiler(features: features, ownsUserNamespace: configuration.hasNamespace(.user))
            .compile(process.capabilities)
        plan.noNewPrivileges = process.noNewPrivileges ?? false
        plan.limits = try limits()
        if let score = process.oomScoreAdj {
            guard (-1000...1000).contains(score) else { throw .invalid("process.oomScoreAdj", "\(score) is not between -1000 and 1000") }
            plan.oomScoreAdjust = Int32(score)
        }
        try terminal(&plan)
        try labels(&plan)
        plan.scheduler = try process.scheduler.map { scheduler throws(RuntimeError) in try SchedulerCompiler.compile(scheduler) }
        plan.ioPriority = try process.ioPriority.map { priority throws(RuntimeError) in try SchedulerCompiler.compile(priority) }
        plan.personality = try personality()
        plan.memoryPolicy = try configuration.linux?.memoryPolicy.map { policy throws(RuntimeError) in
            try MemoryPolicyCompiler.compile(policy)
        }
        try affinity(&plan)
        if let profile = configuration.linux?.seccomp {
            try SeccompValidation.check(profile, features: features)
            plan.seccompProgram = try seccomp.program(for: profile)
            plan.seccompFlags = (profile.flags ?? []).reduce(0) { $0 | (SeccompNames.flag($1) ?? 0) }
            plan.listener = SeccompListener.plan(
                profile, configuration: configuration, bundle: bundle, container: container, isExec: isExec)
        }
        return plan
    }

    private func arguments() throws(RuntimeError) -> [String] {
        let arguments = process.args ?? []
        guard let program = arguments.first, !program.isEmpty else { throw .invalid("process.args", "names no program") }
        for (index, argument) in arguments.enumerated() where argument.utf8.contains(0) {
            throw .invalid("process.args[\(index)]", "holds a NUL")
        }
        return arguments
    }

    private func environment() throws(RuntimeError) -> [String] {
        for (index, entry) in (process.env ?? []).enumerated() {
            let field = "process.env[\(index)]"
            if entry.utf8.contains(0) { throw .invalid(field, "holds a NUL") }
            guard let equals = entry.utf8.firstIndex(of: UInt8(ascii: "=")), equals != entry.startIndex else {
                throw .invalid(field, "\"\(entry)\" is not of the form KEY=value")
            }
        }
        return process.env ?? []
    }

    private func identity(_ plan: inout ProcessPlan) throws(RuntimeError) {
        let user = process.user
        if let name = user?.username, !name.isEmpty {
            throw .unsupported("process.user.username", "is of Windows", advice: "Set uid and gid.")
        }
        plan.uid = user?.uid ?? 0
        plan.gid = user?.gid ?? 0
        plan.additionalGroups = user?.additionalGids ?? []
        plan.umask = user?.umask ?? 0o022
        try groups(&plan)
        if plan.umask > 0o777 { throw .invalid("process.user.umask", "\(plan.umask) holds more than permissions") }
        // NGROUPS_MAX of linux/limits.h.
        if plan.additionalGroups.count > 65536 { throw .invalid("process.user.additionalGids", "has more than 65,536 groups") }
        let isMapped = configuration.makesNamespace(.user)
        func check(_ id: UInt32, _ field: String, _ mappings: [RuntimeConfiguration.IDMapping]?) throws(RuntimeError) {
            // (uid_t) -1 means "leave as it is" to the kernel.
            if id == .max { throw .invalid(field, "\(id) is no id") }
            let isInside = (mappings ?? []).contains { $0.containerID <= id && id - $0.containerID < $0.size }
            if isMapped, !isInside {
                throw .invalid(field, "\(id) has no mapping", advice: "Extend linux.uidMappings or linux.gidMappings.")
            }
        }
        try check(plan.uid, "process.user.uid", configuration.linux?.uidMappings)
        try check(plan.gid, "process.user.gid", configuration.linux?.gidMappings)
        for (index, group) in plan.additionalGroups.enumerated() {
            try check(group, "process.user.additionalGids[\(index)]", configuration.linux?.gidMappings)
        }
    }

    /// A process without privileges that maps its own group alone has to give up setgroups(2) for it (man 7 user_namespaces): it keeps
    /// the groups it has, which show as nobody's.
    private func groups(_ plan: inout ProcessPlan) throws(RuntimeError) {
        guard !features.isPrivileged, configuration.hasNamespace(.user) else { return }
        if !configuration.makesNamespace(.user) {
            plan.keepsGroups = plan.additionalGroups.isEmpty
            return
        }
        let mappings = try NamespaceCompiler.mappings(configuration.linux?.gidMappings, "linux.gidMappings")
        plan.keepsGroups = !IDMapProgram.isNeeded(for: mappings, own: features.groupID)
        if plan.keepsGroups, !plan.additionalGroups.isEmpty {
            throw .invalid(
                "process.user.additionalGids", "groups cannot be set where only the own group is mapped and this process has no privileges",
                advice: "Leave them out, or map a range that /etc/subgid gives this user.")
        }
    }

    private func limits() throws(RuntimeError) -> [ResourceLimit] {
        var result: [ResourceLimit] = []
        for (index, limit) in (process.rlimits ?? []).enumerated() {
            let field = "process.rlimits[\(index)]"
            guard let number = ResourceLimitName.number(limit.type) else {
                throw .invalid(field + ".type", "\"\(limit.type)\" is an unknown rlimit")
            }
            if result.contains(where: { $0.resource == number }) { throw .invalid(field + ".type", "\(limit.type) is listed twice") }
            if limit.soft > limit.hard { throw .invalid(field + ".soft", "\(limit.soft) is above the hard limit \(limit.hard)") }
            result.append(ResourceLimit(resource: number, soft: limit.soft, hard: limit.hard))
        }
        return result
    }

    private func terminal(_ plan: inout ProcessPlan) throws(RuntimeError) {
        plan.terminal = process.terminal ?? false
        // Without a terminal the size is to be ignored (runtime-spec config.md, "consoleSize").
        guard plan.terminal, let size = process.consoleSize else { return }
        guard size.height <= UInt64(UInt16.max), size.width <= UInt64(UInt16.max) else {
            throw .invalid("process.consoleSize", "\(size.width) × \(size.height) is no size of a terminal")
        }
        plan.terminalSize = TerminalSize(rows: UInt16(size.height), columns: UInt16(size.width))
    }

    private func labels(_ plan: inout ProcessPlan) throws(RuntimeError) {
        if let profile = process.apparmorProfile, !profile.isEmpty {
            guard features.hasAppArmor else {
                throw .hostLacks(
                    "process.apparmorProfile", "AppArmor is not enabled", advice: "Boot with apparmor=1, or leave the profile out.")
            }
            plan.apparmorProfile = profile
        }
        if let label = process.selinuxLabel, !label.isEmpty {
            guard features.hasSELinux else {
                throw .hostLacks("process.selinuxLabel", "SELinux is not enabled", advice: "Boot with selinux=1, or leave the label out.")
            }
            plan.selinuxLabel = label
        }
    }

    /// See: man 2 personality.
    private func personality() throws(RuntimeError) -> UInt32? {
        guard let personality = configuration.linux?.personality else { return nil }
        if let flag = personality.flags?.first { throw .unsupported("linux.personality.flags", "\"\(flag)\" is not defined") }
        switch personality.domain {
        case "LINUX": return 0
        case "LINUX32": return 8
        default: throw .invalid("linux.personality.domain", "\"\(personality.domain)\" is neither LINUX nor LINUX32")
        }
    }

    /// The specification has it for further processes only. They are born in the cgroup, so what remains of the two lists is
    /// the last. See: runtime-spec config.md, "execCPUAffinity".
    private func affinity(_ plan: inout ProcessPlan) throws(RuntimeError) {
        let affinity = process.execCPUAffinity
        let initial = affinity?.initial.flatMap { $0.isEmpty ? nil : $0 }
        let final = affinity?.final.flatMap { $0.isEmpty ? nil : $0 }
        if let initial { try NumberList.check(initial, field: "process.execCPUAffinity.initial") }
        if let final { try NumberList.check(final, field: "process.execCPUAffinity.final") }
        if isExec { plan.cpuAffinity = final ?? initial }
    }
}
