import CLinux
import Glibc
import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// What a container with a cgroup of its own can leave below it.
@Suite(.needsRoot, .tags(.privileged), .serialized)
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
}
