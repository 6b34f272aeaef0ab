package import OCIModel
package import RuntimeChild
package import SystemPackage

/// Where the cgroups of an engine's containers lie.
package struct CgroupPlacement: Sendable {
    /// What most containers lie below; nil where no cgroup can be made.
    package let parent: CgroupParent?
    /// The parent was named by the user.
    let isExplicit: Bool
    /// Who makes scopes for supervisors that outlive this program; nil where they stay in its cgroup.
    let systemd: SystemdHost?
    let host: CgroupHost
    /// The service of systemd that this program runs in, where its subtree is not delegated, so that containers lie outside of it.
    package let undelegatedService: String?

    /// - Parameters:
    ///   - parent: what the user named; nil is the default, see `CgroupParent.default(on:)`.
    ///   - systemd: nil where it does not run, or is not to be asked.
    ///   - warn: told why limits will be refused, where no cgroup can be made.
    /// - Throws: for a parent that is named and cannot be used.
    package init(
        parent: FilePath?, systemd: SystemdHost?, on host: CgroupHost, warn: (RuntimeError) -> Void
    ) throws(RuntimeError) {
        self.host = host
        self.systemd = systemd
        isExplicit = parent != nil
        if let parent {
            self.parent = try CgroupParent(parent)
            undelegatedService = nil
            return
        }
        let unit = host.unified?.ownPath.split(separator: "/").last.map(String.init)
        let isInService = systemd != nil && unit?.hasSuffix(".service") == true
        undelegatedService = isInService && !CgroupParent.isDelegatedBySystemd(on: host) ? unit : nil
        var found: CgroupParent?
        do throws(RuntimeError) { found = try .default(on: host) } catch { warn(error) }
        self.parent = found
    }

    /// The place of one container.
    package struct Place: Sendable {
        package var parent: CgroupParent?
        /// The scope that its supervisor goes into.
        package var scope: ScopePlan?
        /// The parent is the scope, which is not there yet.
        package var isInScope = false
    }

    /// - Parameters:
    ///   - isDurable: it outlives this program, and so must its supervisor: neither may be in the cgroup of a service that stops.
    ///   - gracePeriod: what its user gives it to stop.
    package func place(of container: ContainerID, isDurable: Bool, gracePeriod: Duration) throws(RuntimeError) -> Place {
        guard isDurable, let systemd else { return Place(parent: parent) }
        let scope = systemd.scope(for: container, stopping: gracePeriod)
        guard !isExplicit, parent != nil, let path = systemd.path(of: scope) else { return Place(parent: parent, scope: scope) }
        return Place(parent: try CgroupParent(FilePath(path)), scope: scope, isInScope: true)
    }

    /// Makes what a plan's cgroups need above them; blocks.
    /// - Throws: `RuntimeError.Code.cgroupFailed`, `.notPermitted`.
    package func prepare(_ place: inout Place, for plan: CgroupPlan?) throws(RuntimeError) {
        guard let plan else { return }
        guard place.isInScope, let systemd, let parent = place.parent else { return try host.prepare(for: plan) }
        // Its supervisor does it, once systemd has made the scope.
        place.scope?.directory = systemd.mountPoint + parent.path.string
        place.scope?.controllers = host.handedDown(for: plan.directories).sorted()
    }
}
