/// A further process in a running container: joins the namespaces and cgroup of its first process.
package struct ExecPlan: Sendable, Hashable {
    package var process: ProcessPlan
    package init(process: ProcessPlan) { self.process = process }
}
