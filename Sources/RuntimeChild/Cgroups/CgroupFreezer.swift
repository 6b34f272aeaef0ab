internal import Glibc
internal import LinuxSystem
package import SystemPackage

/// Stops and continues every process of a container at once.
package enum CgroupFreezer {
    /// - Throws: `Errno.noSuchFileOrDirectory` when the container has neither a freezer hierarchy nor v2;
    ///   `Errno.timedOut` when the kernel did not get all of them to stop within a second (one in uninterruptible sleep).
    package static func freeze(_ cgroups: [ContainerCgroup]) throws(Errno) {
        let (cgroup, isUnified) = try control(cgroups)
        try ControlFile.write(isUnified ? "1" : "FROZEN", to: file(isUnified), in: cgroup.directory.rawValue)
        var pause: UInt32 = 50
        var waited: UInt32 = 0
        while waited < 1_000_000 {
            if try isFrozen(cgroup, isUnified) { return }
            usleep(pause)
            waited += pause
            pause = min(pause * 2, 10_000)
        }
        throw .timedOut
    }

    package static func thaw(_ cgroups: [ContainerCgroup]) throws(Errno) {
        let (cgroup, isUnified) = try control(cgroups)
        try ControlFile.write(isUnified ? "0" : "THAWED", to: file(isUnified), in: cgroup.directory.rawValue)
    }

    private static func file(_ isUnified: Bool) -> String { isUnified ? "cgroup.freeze" : "freezer.state" }

    private static func isFrozen(_ cgroup: ContainerCgroup, _ isUnified: Bool) throws(Errno) -> Bool {
        let directory = cgroup.directory.rawValue
        let text = String(
            decoding: try ControlFile.read(isUnified ? "cgroup.events" : "freezer.state", in: directory), as: UTF8.self)
        return isUnified ? text.contains("frozen 1") : text.hasPrefix("FROZEN")
    }

    /// The freezer hierarchy of v1 when the container is in one, else v2.
    private static func control(_ cgroups: [ContainerCgroup]) throws(Errno) -> (ContainerCgroup, Bool) {
        for cgroup in cgroups where !cgroup.isUnified {
            if (try? ControlFile.read("freezer.state", in: cgroup.directory.rawValue)) != nil { return (cgroup, false) }
        }
        for cgroup in cgroups where cgroup.isUnified { return (cgroup, true) }
        throw .noSuchFileOrDirectory
    }
}
