internal import OCIModel

/// Class and priority of packets, of cgroup v1 only. See: cgroup-v1/net_cls.rst, net_prio.rst.
enum NetworkController {
    static func apply(_ network: RuntimeConfiguration.Network, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let field = "linux.resources.network"
        if let classID = network.classID {
            let hierarchy = try builder.require("net_cls", for: field + ".classID")
            builder.write("\(classID)", to: "net_cls.classid", in: hierarchy, field: field + ".classID")
        }
        for (index, entry) in (network.priorities ?? []).enumerated() {
            let field = "\(field).priorities[\(index)]"
            // IFNAMSIZ of linux/if.h, with the NUL; the control takes words.
            guard (1...15).contains(entry.name.utf8.count), entry.name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f && $0 != 0x2f }) else {
                throw .invalid(field + ".name", "\"\(entry.name)\" is no name of a network interface")
            }
            let hierarchy = try builder.require("net_prio", for: field)
            builder.write("\(entry.name) \(entry.priority)", to: "net_prio.ifpriomap", in: hierarchy, field: field)
        }
    }
}
