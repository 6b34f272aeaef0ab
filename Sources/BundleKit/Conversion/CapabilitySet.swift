internal import OCIModel

/// The capabilities of a container, from the defaults and what a user adds and drops.
enum CapabilitySet {
    /// Names in the kernel's order.
    /// - Throws: `.invalidOption` for an unknown name.
    static func resolve(_ security: BundleSecurity) throws(BundleError) -> [String] {
        let dropped = try security.droppedCapabilities.map { name throws(BundleError) in try canonical(name, "security.droppedCapabilities")
        }
        let added = try security.addedCapabilities.map { name throws(BundleError) in try canonical(name, "security.addedCapabilities") }
        var set = Set(added.contains("ALL") ? Defaults.allCapabilities : Defaults.capabilities)
        if dropped.contains("ALL") { set = [] }
        set.formUnion(added)
        set.subtract(dropped.filter { name in !(dropped.contains("ALL") && added.contains(name)) })
        return Defaults.allCapabilities.filter(set.contains)
    }

    private static func canonical(_ name: String, _ option: String) throws(BundleError) -> String {
        let upper = name.uppercased()
        if upper == "ALL" { return upper }
        let full = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        guard Defaults.allCapabilities.contains(full) else {
            throw BundleError(.invalidOption, .option(option), "\(name) is no capability; see capabilities(7).")
        }
        return full
    }
}
