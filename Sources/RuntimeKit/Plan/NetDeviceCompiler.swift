internal import OCIModel
internal import RuntimeChild

/// Interfaces of the host that a container gets. See: runtime-spec config-linux.md, "Network Devices".
enum NetDeviceCompiler {
    static func compile(_ configuration: RuntimeConfiguration, features: HostFeatures) throws(RuntimeError) -> [NetDevicePlan] {
        let devices = configuration.linux?.netDevices ?? [:]
        if devices.isEmpty { return [] }
        let field = "linux.netDevices"
        guard configuration.hasNamespace(.network) else {
            throw .invalid(field, "needs a network namespace", advice: "Add {\"type\": \"network\"} to linux.namespaces.")
        }
        // CAP_NET_ADMIN.
        guard features.effective & (1 << 12) != 0 else {
            throw RuntimeError(
                .notPermitted, .field(field), "this process may not move interfaces of the host",
                advice: "Run as root (CAP_NET_ADMIN), or leave them out.")
        }
        var plans: [NetDevicePlan] = []
        for (name, device) in devices.sorted(by: { $0.key < $1.key }) {
            try check(name, "\(field)[\(name)]")
            let newName = device.name.flatMap { $0.isEmpty ? nil : $0 } ?? name
            try check(newName, "\(field)[\(name)].name")
            if newName == "lo" || plans.contains(where: { $0.newName == newName }) {
                throw .invalid("\(field)[\(name)].name", "\"\(newName)\" is there already")
            }
            plans.append(NetDevicePlan(name: name, newName: newName))
        }
        return plans
    }

    /// As dev_valid_name of the kernel: below IFNAMSIZ; `%` would be filled in by the kernel.
    private static func check(_ name: String, _ field: String) throws(RuntimeError) {
        let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        guard isPlain, (1...15).contains(name.utf8.count), name != ".", name != "..", !name.contains("%") else {
            throw .invalid(field, "\"\(name)\" is no name of an interface: at most 15 letters without spaces, `/`, `:` and `%`")
        }
    }
}
