import Glibc
import RuntimeChild
import SystemPackage
import TestSupport

/// Parents for cgroups of tests in every hierarchy that this host has: v1, hybrid or v2.
struct ChildCgroups {
    let name = "containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"

    /// Names of the v1 controllers used here.
    var hierarchies: [String] { ["pids", "memory", "freezer"].filter { Files.exists(FilePath("/sys/fs/cgroup/\($0)")) } }

    private var isUnified: Bool { Files.exists("/sys/fs/cgroup/cgroup.controllers") }

    private var parents: [String] {
        if isUnified { return ["/sys/fs/cgroup/\(name)"] }
        let unified = Files.exists("/sys/fs/cgroup/unified/cgroup.procs") ? ["unified"] : []
        return (hierarchies + unified).map { "/sys/fs/cgroup/\($0)/\(name)" }
    }

    /// A plan with a leaf `id` in each; `writes` go to the one whose path holds `controller`.
    func plan(_ id: String = "one", writes: [CgroupPlan.Write], controller: String = "pids") throws -> CgroupPlan {
        var directories: [CgroupPlan.Directory] = []
        if isUnified {
            try? Files.write("+pids +memory +cpu", to: "/sys/fs/cgroup/cgroup.subtree_control")
        }
        for parent in parents {
            try TestDirectory.create(FilePath(parent))
            if isUnified { try Files.write("+pids +memory", to: FilePath(parent + "/cgroup.subtree_control")) }
            let takesWrites = isUnified || parent.contains("/\(controller)/")
            directories.append(
                .init(
                    path: parent + "/" + id, isUnified: isUnified || parent.contains("/unified/"),
                    writes: takesWrites ? writes : []))
        }
        return CgroupPlan(directories: directories)
    }

    /// What is left of the leaves, which must be nothing.
    var leaves: [String] {
        parents.flatMap { parent in
            (Files.names(in: FilePath(parent)) ?? []).filter { $0 == "one" }.map { parent + "/" + $0 }
        }
    }

    func remove() { for parent in parents { rmdir(parent) } }
}
