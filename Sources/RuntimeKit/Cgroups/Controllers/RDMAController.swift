internal import OCIModel

/// Handles and objects of RDMA devices, the same on both versions. See: cgroup-v2.rst "RDMA", cgroup-v1/rdma.rst.
enum RDMAController {
    static func apply(_ devices: [String: RuntimeConfiguration.RDMA], to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        for (name, limits) in devices.sorted(by: { $0.key < $1.key }) {
            let field = "linux.resources.rdma[\(name)]"
            guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { throw .invalid(field, "is no name of a device") }
            var words = [name]
            if let handles = limits.hcaHandles { words.append("hca_handle=\(handles)") }
            if let objects = limits.hcaObjects { words.append("hca_object=\(objects)") }
            guard words.count > 1 else { throw .invalid(field, "has neither hcaHandles nor hcaObjects") }
            let hierarchy = try builder.require("rdma", for: field)
            builder.write(words.joined(separator: " "), to: "rdma.max", in: hierarchy, field: field)
        }
    }
}
