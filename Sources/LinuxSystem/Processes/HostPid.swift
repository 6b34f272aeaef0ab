internal import CLinux
package import SystemPackage

extension OwnedDescriptor {
    /// The process id of this pidfd as the caller's /proc numbers it, which in a pid namespace of one's own differs from
    /// what clone(2) returned.
    /// - Throws: `Errno.noSuchProcess` when it has been waited for. See: man 2 pidfd_open (fdinfo).
    package borrowing func hostPid() throws(Errno) -> CInt { try readHostPid(rawValue) }
}

extension SharedDescriptor {
    /// As `OwnedDescriptor.hostPid()`.
    package func hostPid() throws(Errno) -> CInt { try readHostPid(rawValue) }
}

private func readHostPid(_ descriptor: CInt) throws(Errno) -> CInt {
    let information = try OwnedDescriptor.open("/proc/self/fdinfo/\(descriptor)", flags: O_RDONLY)
    let text = try information.readAll(limit: 4096)
    for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "Pid:".utf8) {
        var pid: CInt = 0
        for byte in line where byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") {
            pid = pid &* 10 &+ CInt(byte - UInt8(ascii: "0"))
        }
        // Zero or -1: ended, or of a pid namespace that this /proc does not show.
        if pid > 0 && !line.contains(UInt8(ascii: "-")) { return pid }
    }
    throw .noSuchProcess
}
