internal import Glibc
internal import LinuxSystem
internal import OCIModel
internal import RuntimeChild
internal import SystemPackage

/// Namespaces of a configuration. See: runtime-spec config-linux.md "Namespaces", man 7 namespaces.
struct NamespaceCompiler {
    let configuration: RuntimeConfiguration
    let features: HostFeatures

    /// The order in which namespaces are joined: the user namespace first, since it owns the rights for the others.
    private static let order: [RuntimeConfiguration.NamespaceType] = [.user, .ipc, .uts, .network, .pid, .mount, .cgroup, .time]

    func compile() throws(RuntimeError) -> NamespacePlan {
        var plan = NamespacePlan()
        let listed = configuration.linux?.namespaces ?? []
        var seen: Set<RuntimeConfiguration.NamespaceType> = []
        for (index, namespace) in listed.enumerated() {
            let field = "linux.namespaces[\(index)]"
            guard let flag = Self.flag(namespace.type) else {
                throw .unsupported(field + ".type", "\"\(namespace.type.rawValue)\" is no kind of namespace that is known here")
            }
            guard seen.insert(namespace.type).inserted else {
                throw .invalid(field + ".type", "\(namespace.type.rawValue) is listed twice")
            }
            if let path = namespace.path, !path.isEmpty {
                if namespace.type == .mount {
                    throw .unsupported(field + ".path", "a mount namespace cannot be shared: the container's root is mounted in its own")
                }
                try Self.check(path, is: flag, field: field + ".path")
            } else if namespace.type == .cgroup {
                plan.newCgroup = true
            } else {
                plan.new |= flag.rawValue
            }
        }
        for type in Self.order {
            guard let flag = Self.flag(type), let path = listed.first(where: { $0.type == type })?.path, !path.isEmpty else { continue }
            plan.joined.append(.init(type: flag.rawValue, path: path))
        }
        guard seen.contains(.mount) else {
            throw .invalid(
                "linux.namespaces", "has no mount namespace: the container's mounts would be made in the host's",
                advice: "Add {\"type\": \"mount\"}.")
        }
        plan.isUnprivileged = !features.isPrivileged
        try userMappings(&plan, isNew: plan.new & NamespaceFlag.user.rawValue != 0)
        try timeOffsets(&plan)
        try rights(plan)
        return plan
    }

    private func userMappings(_ plan: inout NamespacePlan, isNew: Bool) throws(RuntimeError) {
        plan.userMappings = try Self.mappings(configuration.linux?.uidMappings, "linux.uidMappings")
        plan.groupMappings = try Self.mappings(configuration.linux?.gidMappings, "linux.gidMappings")
        if plan.joined.contains(where: { $0.type == NamespaceFlag.user.rawValue }) {
            // It has its maps already. Engines write some nevertheless, since other runtimes ask for them.
            (plan.userMappings, plan.groupMappings) = ([], [])
            return
        }
        for (name, mappings) in [("linux.uidMappings", plan.userMappings), ("linux.gidMappings", plan.groupMappings)] {
            if isNew, mappings.isEmpty { throw .invalid(name, "is missing, which a new user namespace needs") }
            if !isNew, !mappings.isEmpty { throw .invalid(name, "needs a new user namespace among linux.namespaces") }
        }
        if isNew, !features.hasUserNamespaces {
            throw .hostLacks(
                "linux.namespaces", "user namespaces are not allowed here",
                advice: "Set the sysctls user.max_user_namespaces and (Debian) kernel.unprivileged_userns_clone.")
        }
        if isNew, plan.isUnprivileged {
            try helper(.user, plan.userMappings, own: features.userID, "linux.uidMappings")
            try helper(.group, plan.groupMappings, own: features.groupID, "linux.gidMappings")
        }
    }

    /// Without privileges the kernel lets a process map its own id, and nothing else.
    private func helper(
        _ helper: IDMapProgram, _ mappings: [NamespacePlan.IDMapping], own: UInt32, _ field: String
    ) throws(RuntimeError) {
        if !IDMapProgram.isNeeded(for: mappings, own: own) || helper.path != nil { return }
        throw .hostLacks(
            field, "maps other ids than this process's own, \(own), which takes \(helper.rawValue)(1)",
            advice: "Install it (package uidmap) and give this user ranges in /etc/subuid and /etc/subgid, or map \(own) alone.")
    }

    /// Id maps as the kernel takes them.
    static func mappings(_ list: [RuntimeConfiguration.IDMapping]?, _ field: String) throws(RuntimeError) -> [NamespacePlan.IDMapping] {
        var result: [NamespacePlan.IDMapping] = []
        for (index, entry) in (list ?? []).enumerated() {
            let field = "\(field)[\(index)]"
            guard entry.size > 0 else { throw .invalid(field + ".size", "is 0") }
            for start in [entry.containerID, entry.hostID] where UInt64(start) + UInt64(entry.size) > UInt64(UInt32.max) {
                throw .invalid(field, "reaches beyond the last id")
            }
            for other in result {
                let inside = entry.containerID < other.container + other.size && other.container < entry.containerID + entry.size
                let outside = entry.hostID < other.host + other.size && other.host < entry.hostID + entry.size
                if inside || outside { throw .invalid(field, "overlaps with another range") }
            }
            result.append(.init(container: entry.containerID, host: entry.hostID, size: entry.size))
        }
        // UID_GID_MAP_MAX_EXTENTS of the kernel.
        if result.count > 340 { throw .invalid(field, "has more than 340 ranges") }
        return result
    }

    private func timeOffsets(_ plan: inout NamespacePlan) throws(RuntimeError) {
        let field = "linux.timeOffsets"
        let isNew = plan.new & NamespaceFlag.time.rawValue != 0
        if isNew, !features.hasTimeNamespaces {
            throw .hostLacks("linux.namespaces", "the kernel has no time namespaces", advice: "Use a kernel with CONFIG_TIME_NS.")
        }
        guard let offsets = configuration.linux?.timeOffsets, offsets.monotonic != nil || offsets.boottime != nil else { return }
        guard isNew else { throw .invalid(field, "needs a new time namespace among linux.namespaces") }
        for (name, offset) in [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)] {
            if let nanoseconds = offset?.nanosecs, nanoseconds >= 1_000_000_000 {
                throw .invalid("\(field).\(name).nanosecs", "\(nanoseconds) is not below 10^9")
            }
        }
        plan.monotonicOffset = offsets.monotonic.map { .init(seconds: $0.secs ?? 0, nanoseconds: $0.nanosecs ?? 0) }
        plan.boottimeOffset = offsets.boottime.map { .init(seconds: $0.secs ?? 0, nanoseconds: $0.nanosecs ?? 0) }
    }

    private func rights(_ plan: NamespacePlan) throws(RuntimeError) {
        let owns = (plan.new | plan.joined.reduce(0) { $0 | $1.type }) & NamespaceFlag.user.rawValue != 0
        guard !features.isPrivileged, !owns else { return }
        throw RuntimeError(
            .notPermitted, .field("linux.namespaces"), "this process may not make namespaces",
            advice: "Run as root (CAP_SYS_ADMIN), or add a user namespace with id mappings to the configuration.")
    }

    private static func check(_ path: String, is flag: NamespaceFlag, field: String) throws(RuntimeError) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else { throw .invalid(field, "\"\(path)\" is not an absolute path") }
        do throws(Errno) {
            let descriptor = try OwnedDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
            if try NamespaceFlag.kind(of: descriptor) == flag { return }
        } catch {
            if error == .inappropriateIOCTLForDevice { throw .invalid(field, "\(path) is no namespace") }
            throw RuntimeError(
                .namespaceFailed, .field(field), "\(path) cannot be opened", errno: error,
                advice: ErrnoAdvice.advice(for: error, on: .namespace))
        }
        throw .invalid(field, "\(path) is a namespace of another kind")
    }

    static func flag(_ type: RuntimeConfiguration.NamespaceType) -> NamespaceFlag? {
        switch type {
        case .pid: .pid
        case .network: .network
        case .mount: .mount
        case .ipc: .ipc
        case .uts: .uts
        case .user: .user
        case .cgroup: .cgroup
        case .time: .time
        default: nil
        }
    }
}

extension RuntimeConfiguration {
    /// Whether a namespace of the kind is made or joined, rather than shared with the host.
    func hasNamespace(_ type: NamespaceType) -> Bool { linux?.namespaces?.contains { $0.type == type } ?? false }

    /// Whether a namespace of the kind is made.
    func makesNamespace(_ type: NamespaceType) -> Bool {
        linux?.namespaces?.contains { $0.type == type && ($0.path ?? "").isEmpty } ?? false
    }
}
