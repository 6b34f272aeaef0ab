internal import OCIModel

/// Number of tasks. See: cgroup-v2.rst "PID".
enum PidsController {
    static func apply(_ pids: RuntimeConfiguration.Pids, to builder: inout CgroupPlanBuilder) throws(RuntimeError) {
        let field = "linux.resources.pids.limit"
        // Zero and below is no limit; nothing has to be there to have none.
        guard pids.limit > 0 else { return }
        let hierarchy = try builder.require("pids", for: field)
        builder.write("\(pids.limit)", to: "pids.max", in: hierarchy, field: field)
    }
}
