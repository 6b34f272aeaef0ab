internal import OCIModel

/// Files of cgroup v2 that are named directly. See: runtime-spec config-linux.md, "Unified".
enum UnifiedControls {
    /// What would take the container out of our hands, or is not a control.
    private static let refused: Set<String> = [
        "cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "cgroup.freeze", "cgroup.kill", "cgroup.type",
    ]

    static func apply(_ controls: [String: String], to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        // A dictionary has no order: by name, so that a plan is the same each time.
        for (file, value) in controls.sorted(by: { $0.key < $1.key }) {
            let field = "linux.resources.unified[\(file)]"
            let controller = String(file.prefix { $0 != "." })
            let letters = file.utf8.allSatisfy {
                (97...122).contains($0) || (48...57).contains($0) || (65...90).contains($0) || $0 == 46 || $0 == 95
            }
            guard letters, !controller.isEmpty, controller.utf8.count < file.utf8.count, !file.contains("..") else {
                throw .invalid(field, "is no name of a control like `memory.high`")
            }
            if refused.contains(file) { throw .unsupported(field, "is the runtime's own to write") }
            guard let hierarchy = builder.host.unified else {
                throw .hostLacks(
                    field, "the host has no cgroup v2",
                    advice: "Boot with systemd.unified_cgroup_hierarchy=1, or use the other fields of linux.resources.")
            }
            if controller != "cgroup", !hierarchy.controllers.contains(controller) {
                throw .hostLacks(
                    field, "the v2 tree does not have the controller \"\(controller)\"",
                    advice: builder.host.hierarchy(of: controller) != nil
                        ? "It is mounted as version 1 here: use the other fields of linux.resources."
                        : "Enable it in the kernel and hand it down to this process's cgroup.")
            }
            // One write(2) takes one line.
            for line in value.split(separator: "\n") { builder.write(String(line), to: file, in: hierarchy, field: field) }
        }
    }
}
