internal import OCIModel
internal import RuntimeChild

/// The five capability sets. See: man 7 capabilities.
struct CapabilityCompiler {
    let features: HostFeatures
    /// In a user namespace of its own a process has all of them, over what the namespace owns.
    let ownsUserNamespace: Bool

    func compile(_ names: RuntimeConfiguration.Capabilities?) throws(RuntimeError) -> CapabilitySets {
        var sets = CapabilitySets()
        guard let names else { return sets }
        sets.bounding = try set(names.bounding, "bounding")
        sets.effective = try set(names.effective, "effective")
        sets.inheritable = try set(names.inheritable, "inheritable")
        sets.permitted = try set(names.permitted, "permitted")
        sets.ambient = try set(names.ambient, "ambient")
        // What the kernel would refuse with EPERM, or drop.
        try check(sets.effective & ~sets.permitted, "effective", "is not in the permitted set")
        try check(sets.ambient & ~sets.permitted, "ambient", "is not in the permitted set")
        try check(sets.ambient & ~sets.inheritable, "ambient", "is not in the inheritable set")
        return sets
    }

    private func set(_ names: [String]?, _ member: String) throws(RuntimeError) -> UInt64 {
        var set: UInt64 = 0
        for (index, name) in (names ?? []).enumerated() {
            guard let number = CapabilityName.number(name) else {
                throw .invalid(
                    "process.capabilities.\(member)[\(index)]", "\"\(name)\" is an unknown capability",
                    advice: "Names are those of capabilities(7), in upper case with CAP_.")
            }
            set |= 1 << UInt64(number)
        }
        // Newer than this kernel: there is nothing it could be used for.
        set &= features.lastCapability >= 63 ? .max : (1 << UInt64(features.lastCapability + 1)) - 1
        let lacking = set & ~features.available
        if !ownsUserNamespace, lacking != 0 {
            throw RuntimeError(
                .notPermitted, .field("process.capabilities.\(member)"),
                "this process does not hold \(CapabilityName.names(lacking).joined(separator: ", "))",
                advice: "A container cannot get more than its engine has: start the engine with it, or ask for less.")
        }
        return set
    }

    private func check(_ surplus: UInt64, _ member: String, _ reason: String) throws(RuntimeError) {
        guard surplus != 0 else { return }
        throw .invalid("process.capabilities.\(member)", "\(CapabilityName.names(surplus).joined(separator: ", ")) \(reason)")
    }
}
