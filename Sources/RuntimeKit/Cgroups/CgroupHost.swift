internal import Glibc
internal import Synchronization

/// The cgroup trees of this machine, as this process sees them.
public final class CgroupHost: Sendable {
    /// Which versions of cgroups are mounted.
    public enum Mode: String, Sendable, Hashable {
        /// Version 2 only.
        case unified = "v2"
        /// Controllers on version 1, and a version 2 tree beside them.
        case hybrid = "hybrid"
        /// Version 1 only.
        case legacy = "v1"
        /// None at all.
        case none = "none"
    }

    /// Nil until somebody asks.
    private let table: Mutex<[CgroupHierarchy]?>
    /// Directories that this object made, in order of their making.
    let made = Mutex<[String]>([])

    package init(hierarchies: [CgroupHierarchy]) { table = Mutex(hierarchies) }

    private init() { table = Mutex(nil) }

    /// Reads which hierarchies are mounted. Blocks for some hundred microseconds: make one and keep it.
    public static func detect() -> CgroupHost { CgroupHost(hierarchies: read()) }

    /// Reads them when they are asked for first.
    static func whenAsked() -> CgroupHost { CgroupHost() }

    package var hierarchies: [CgroupHierarchy] {
        table.withLock { table in
            if let table { return table }
            let read = Self.read()
            table = read
            return read
        }
    }

    /// Which versions are mounted.
    public var mode: Mode {
        let hierarchies = hierarchies
        let unified = hierarchies.contains { $0.isUnified }
        let legacy = hierarchies.contains { !$0.isUnified && !$0.controllers.isEmpty }
        return unified ? (legacy ? .hybrid : .unified) : (legacy ? .legacy : .none)
    }

    private static func read() -> [CgroupHierarchy] {
        let controllers = (try? HostFile.text("/proc/cgroups")) ?? ""
        return hierarchies(
            mounts: MountLine.table((try? HostFile.text("/proc/self/mountinfo")) ?? ""),
            membership: (try? HostFile.text("/proc/self/cgroup")) ?? "",
            known: Set(controllers.split(separator: "\n").dropFirst().map { String($0.prefix { $0 != "\t" }) }),
            unifiedControllers: { HostFile.trimmed($0 + "/cgroup.controllers") ?? "" })
    }

    /// The controllers that can be limited here, by name.
    public var controllers: [String] {
        hierarchies.flatMap(\.controllers).sorted()
    }

    /// The hierarchy that carries a controller.
    func hierarchy(of controller: String) -> CgroupHierarchy? {
        hierarchies.first { $0.controllers.contains(controller) }
    }

    var unified: CgroupHierarchy? { hierarchies.first { $0.isUnified } }

    /// Reads the hierarchies out of the kernel's tables. See: man 5 proc_pid_mountinfo, man 7 cgroups.
    static func hierarchies(
        mounts: [MountLine], membership: String, known: Set<String>, unifiedControllers: (String) -> String
    ) -> [CgroupHierarchy] {
        var own: [String: String] = [:]
        for line in membership.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            if fields[1].isEmpty { own[""] = String(fields[2]) }
            for controller in fields[1].split(separator: ",") { own[String(controller)] = String(fields[2]) }
        }
        var result: [CgroupHierarchy] = []
        for mount in mounts where mount.type == "cgroup" || mount.type == "cgroup2" {
            let isUnified = mount.type == "cgroup2"
            let name = mount.superOptions.first { $0.hasPrefix("name=") }.map { String($0.dropFirst(5)) }
            let controllers =
                isUnified
                ? unifiedControllers(mount.target).split(separator: " ").map(String.init)
                : mount.superOptions.filter { known.contains($0) }
            // A hierarchy may be mounted more than once; the first place counts.
            let isKnown = result.contains {
                $0.isUnified == isUnified && (isUnified || ($0.controllers == controllers && $0.name == name))
            }
            guard !isKnown else { continue }
            let key = isUnified ? "" : controllers.first ?? "name=\(name ?? "")"
            var path = own[key] ?? "/"
            // Without a cgroup namespace a container's mount shows a part of the tree, and its own path is still the whole one.
            if mount.root != "/" {
                if path == mount.root { path = "/" } else if path.hasPrefix(mount.root + "/") { path.removeFirst(mount.root.count) }
            }
            result.append(
                CgroupHierarchy(
                    mountPoint: mount.target, isUnified: isUnified, controllers: controllers,
                    name: controllers.isEmpty ? name : nil, ownPath: path, isPartial: mount.root != "/"))
        }
        return result
    }
}

extension CgroupHost: Hashable {
    /// Whether they are the same hierarchies.
    public static func == (one: CgroupHost, other: CgroupHost) -> Bool { one.hierarchies == other.hierarchies }

    public func hash(into hasher: inout Hasher) { hasher.combine(hierarchies) }
}
