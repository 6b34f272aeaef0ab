internal import Glibc
internal import LinuxSystem
package import OCIModel
package import RuntimeChild

/// systemd, where it is this machine's service manager and this program is root, so that it may ask for units.
package struct SystemdHost: Sendable {
    /// The slice that scopes are made in: the one of services.
    package static let slice = "system.slice"

    /// Where systemd keeps the units' cgroups, below the mount point of version 2, without a slash at the end; nil on version 1 and
    /// hybrid hosts, where a scope holds only the supervisor.
    let root: String?
    let mountPoint: String
    let controllers: [String]

    /// - Returns: nil where systemd does not run, or this program is not root. See: man 3 sd_booted.
    package static func detect(_ host: CgroupHost) -> SystemdHost? {
        guard geteuid() == 0, HostFile.exists("/run/systemd/system/") else { return nil }
        return SystemdHost(
            host, mounts: (try? HostFile.text("/proc/self/mountinfo")) ?? "", first: (try? HostFile.text("/proc/1/cgroup")) ?? "")
    }

    /// - Parameters:
    ///   - mounts: text of /proc/self/mountinfo.
    ///   - first: text of /proc/1/cgroup: systemd itself is in `init.scope`, which lies in its root.
    init(_ host: CgroupHost, mounts: String, first: String) {
        let seen = CgroupHost.hierarchies(mounts: MountLine.table(mounts), membership: first, known: [], unifiedControllers: { _ in "" })
        let path = host.mode == .unified ? seen.first(where: \.isUnified)?.ownPath : nil
        root = path.flatMap { $0.hasSuffix("/init.scope") ? String($0.dropLast("/init.scope".count)) : nil }
        mountPoint = host.unified?.mountPoint ?? ""
        controllers = host.unified?.controllers ?? []
    }

    /// A scope for the supervisor of a container. Its name is never used twice, since one that is about to go is still known.
    package func scope(for container: ContainerID, stopping gracePeriod: Duration) -> ScopePlan {
        let digits = String(UInt32.random(in: 0 ... .max), radix: 16)
        // `+` is for paths of devices in the names of units.
        let name = container.description.replacing("+", with: "_")
        var plan = ScopePlan(
            unit: "containerkit-\(name)-\(String(repeating: "0", count: 8 - digits.count))\(digits).scope", slice: Self.slice,
            description: "Container \(container)")
        let (seconds, attoseconds) = gracePeriod.components
        plan.stopMicroseconds = UInt64(clamping: seconds) &* 1_000_000 &+ UInt64(clamping: attoseconds / 1_000_000_000_000)
        return plan
    }

    /// The cgroup of a scope, below the mount point; nil where containers do not lie in it.
    package func path(of scope: ScopePlan) -> String? {
        guard let root, let slice = UnitName.path(ofSlice: scope.slice) else { return nil }
        return "\(root)\(slice)/\(scope.unit)"
    }
}
