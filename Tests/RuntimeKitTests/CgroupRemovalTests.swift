import CLinux
import Glibc
import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// What a container with a cgroup of its own can leave below it.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct CgroupRemovalTests {
    /// Deeper than any recursion should go, and with a path longer than PATH_MAX.
    @Test func deepDirectoriesOfTheContainerAreRemoved() throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        let plan = try cgroups.plan(writes: [])
        let directory = try #require(plan.directories.first)
        try check(ck_mkdirat(AT_FDCWD, directory.path, 0o755))
        let top = SharedDescriptor(try OwnedDescriptor.open(directory.path, flags: O_RDONLY | O_DIRECTORY))
        var current = top
        for index in 0..<48 {
            let name = "\(index)-" + String(repeating: "x", count: 120)
            try check(ck_mkdirat(current.rawValue, name, 0o755))
            try check(ck_mkdirat(current.rawValue, "beside-\(index)", 0o755))
            current = try current.withDescriptor { directory throws(Errno) in
                SharedDescriptor(try OwnedDescriptor.open(name, at: directory, flags: O_RDONLY | O_DIRECTORY, resolve: [.beneath]))
            }
        }
        try CgroupRemoval.remove([ContainerCgroup(path: directory.path, isUnified: directory.isUnified, directory: top)])
        var status = stat()
        #expect(stat(directory.path, &status) != 0)
    }

    /// A name is bytes; one that is no text must not keep the container's cgroup.
    @Test func namesThatAreNoTextAreRemoved() throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        let directory = try #require(try cgroups.plan(writes: []).directories.first)
        try check(ck_mkdirat(AT_FDCWD, directory.path, 0o755))
        let top = SharedDescriptor(try OwnedDescriptor.open(directory.path, flags: O_RDONLY | O_DIRECTORY))
        let name: [CChar] = [-1, -61, 40, 0]
        try check(ck_mkdirat(top.rawValue, name, 0o755))
        let inner = OwnedDescriptor(CInt(try check(ck_openat(top.rawValue, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0))))
        try check(ck_mkdirat(inner.rawValue, name, 0o755))
        try CgroupRemoval.remove([ContainerCgroup(path: directory.path, isUnified: directory.isUnified, directory: top)])
        var status = stat()
        #expect(stat(directory.path, &status) != 0)
    }

    /// On a hybrid host `cgroup.kill` of v2 does not end what the v1 freezer holds.
    @Test func whatIsFrozenDies() throws {
        let cgroups = ChildCgroups()
        defer { cgroups.remove() }
        let process = try ChildProcess(Command(["sleep", "60"]))
        let made = try cgroups.plan(writes: []).directories.map { directory in
            try check(ck_mkdirat(AT_FDCWD, directory.path, 0o755))
            try Files.write("\(process.pid)", to: FilePath(directory.path + "/cgroup.procs"))
            return ContainerCgroup(
                path: directory.path, isUnified: directory.isUnified,
                directory: SharedDescriptor(try OwnedDescriptor.open(directory.path, flags: O_RDONLY | O_DIRECTORY)))
        }
        try CgroupFreezer.freeze(made)
        CgroupRemoval.killAll(made)
        let status = try? process.wait(within: .seconds(5))
        #expect(status == 128 + SIGKILL)
        // Should it be left: thawed, it dies and the directories go.
        try CgroupFreezer.thaw(made)
        try CgroupRemoval.remove(made)
        #expect(cgroups.leaves == [])
    }
}
