package import LinuxSystem
package import OCIModel
package import RuntimeChild
package import ShimChild
package import SystemPackage

/// What a container is launched with: the compiled plan, where its streams go, and how long it lives.
package struct ContainerLaunch: Sendable {
    package var id: ContainerID
    package var plan: LaunchPlan
    package var streams = StreamPlans()
    /// What `.descriptor` streams refer to.
    package var descriptors: [SharedDescriptor] = []
    /// How output is kept, where it is.
    package var log: LogPlan?
    /// Whether the shim starts it again.
    package var restart: RestartPlan?
    /// The systemd scope that the shim goes into; nil where it stays in this program's cgroup.
    package var scope: ScopePlan?
    /// Outlives this program. Else it ends with it, whatever happens.
    package var isDurable = false
    /// Stops before the program's first instruction until `start()`.
    package var isParked = false
    /// Others than this program may attach.
    package var isAttachable = false
    /// Everything of it is removed when it ends.
    package var removesItself = false
    /// Directories of its own, removed with it.
    package var directories: [FilePath] = []
    /// For lists.
    package var details: [String: String] = [:]

    package init(id: ContainerID, plan: LaunchPlan) {
        self.id = id
        self.plan = plan
    }
}
