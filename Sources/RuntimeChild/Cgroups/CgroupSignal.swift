internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// Signals to every process of a container.
package enum CgroupSignal {
    /// - Returns: processes that got it. One that is made meanwhile may not get it.
    package static func send(_ signal: CInt, to cgroups: [ContainerCgroup]) -> Int {
        guard let cgroup = cgroups.first, let bytes = try? ControlFile.read("cgroup.procs", in: cgroup.directory.rawValue) else { return 0 }
        var count = 0
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // Those outside of the caller's pid namespace read as 0; 1 is the caller.
            guard let pid = CInt(String(decoding: line, as: UTF8.self)), pid > 1 else { continue }
            if ck_kill(pid, signal) == 0 { count += 1 }
        }
        return count
    }
}
