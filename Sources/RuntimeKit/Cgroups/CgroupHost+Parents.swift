internal import Glibc
package import RuntimeChild
internal import Synchronization
internal import SystemPackage

extension CgroupHost {
    /// Makes the ancestors of a plan's cgroups where they are missing: on v2 controllers are handed down to them, on v1 a
    /// cpuset is copied from above (an empty one takes no process). Call it before each launch; when everything is there it
    /// costs one access(2) a hierarchy. See: cgroups(7), kernel's cgroup-v2.rst "Controlling Controllers".
    /// - Throws: `RuntimeError.Code.cgroupFailed`, `.notPermitted`.
    package func prepare(for plan: CgroupPlan) throws(RuntimeError) {
        for directory in plan.directories {
            guard let hierarchy = hierarchies.first(where: { directory.path.hasPrefix($0.mountPoint + "/") }) else { continue }
            let parent = String(directory.path.prefix(upTo: directory.path.lastIndex(of: "/") ?? directory.path.endIndex))
            if hierarchy.isUnified {
                try prepareUnified(parent, in: hierarchy, needed: Self.controllers(of: directory))
            } else if !HostFile.exists(parent) {
                try prepareLegacy(parent, in: hierarchy)
            }
        }
    }

    /// Removes a parent that this object made, and its ancestors that it made, where they are empty: the last engine that
    /// uses it succeeds. To be called when the engine ends.
    package func removeParents() {
        let directories = made.withLock { made in
            defer { made = [] }
            return made
        }
        for directory in directories.reversed() { _ = rmdir(directory) }
    }

    private func prepareLegacy(_ parent: String, in hierarchy: CgroupHierarchy) throws(RuntimeError) {
        var path = hierarchy.mountPoint
        for name in parent.dropFirst(hierarchy.mountPoint.count).split(separator: "/") {
            let above = path
            path += "/" + name
            try makeParent(path)
            guard hierarchy.controllers.contains("cpuset") else { continue }
            for file in ["cpuset.cpus", "cpuset.mems"] where HostFile.trimmed("\(path)/\(file)") == "" {
                try write(HostFile.trimmed("\(above)/\(file)") ?? "", to: "\(path)/\(file)")
            }
        }
    }

    private func prepareUnified(_ parent: String, in hierarchy: CgroupHierarchy, needed: Set<String>) throws(RuntimeError) {
        let wanted = needed.union(Self.usual(in: hierarchy))
        let present = HostFile.trimmed(parent + "/cgroup.subtree_control").map { Set($0.split(separator: " ").map(String.init)) }
        if let present, wanted.isSubset(of: present) { return }
        var path = hierarchy.mountPoint
        let names = parent.dropFirst(hierarchy.mountPoint.count).split(separator: "/")
        for depth in 0...names.count {
            if depth > 0 {
                path += "/" + names[depth - 1]
                try makeParent(path)
            }
            let file = path + "/cgroup.subtree_control"
            let enabled = Set((HostFile.trimmed(file) ?? "").split(separator: " ").map(String.init))
            for controller in wanted.subtracting(enabled).sorted() {
                do throws(Errno) { try CgroupDirectory.write("+\(controller)", to: file) } catch {
                    guard needed.contains(controller) else { continue }
                    throw Self.failure("the \(controller) controller cannot be handed down", path: file, errno: error)
                }
            }
        }
    }

    /// What is always handed down gives statistics and later updates; only what is needed has to be there.
    private static func usual(in hierarchy: CgroupHierarchy) -> [String] {
        ["cpu", "memory", "pids"].filter { hierarchy.controllers.contains($0) }
    }

    /// The v2 controllers that a parent of these directories hands down.
    func handedDown(for directories: [CgroupPlan.Directory]) -> Set<String> {
        directories.filter(\.isUnified).reduce(into: Set(unified.map(Self.usual) ?? [])) { $0.formUnion(Self.controllers(of: $1)) }
    }

    private func makeParent(_ path: String) throws(RuntimeError) {
        do throws(Errno) {
            if try CgroupDirectory.make(path) { made.withLock { $0.append(path) } }
        } catch { throw Self.failure("the cgroup cannot be made", path: path, errno: error) }
    }

    private func write(_ value: String, to path: String) throws(RuntimeError) {
        do throws(Errno) { try CgroupDirectory.write(value, to: path) } catch {
            throw Self.failure("\"\(value)\" cannot be written", path: path, errno: error)
        }
    }

    private static func failure(_ reason: String, path: String, errno: Errno) -> RuntimeError {
        RuntimeError(
            errno.isLackOfRights ? .notPermitted : .cgroupFailed, .path(FilePath(path)), reason, errno: errno,
            advice: ErrnoAdvice.advice(for: errno, on: .cgroup))
    }

    /// The v2 controllers whose files a directory's writes name.
    private static func controllers(of directory: CgroupPlan.Directory) -> Set<String> {
        var names = Set(directory.writes.map { String($0.file.prefix { $0 != "." }) })
        names.remove("cgroup")
        return names
    }
}
