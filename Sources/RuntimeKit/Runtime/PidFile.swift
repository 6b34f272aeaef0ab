internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A file with a pid, which engines wait for: it appears whole.
enum PidFile {
    static func write(_ pid: Int32, to file: FilePath) throws(RuntimeError) {
        let name = file.lastComponent?.string ?? "pid"
        let temporary = file.removingLastComponent().appending(".\(name)").string
        do throws(Errno) {
            try OwnedDescriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o666).write("\(pid)")
            if rename(temporary, file.string) != 0 { throw Errno(rawValue: errno) }
        } catch {
            unlink(temporary)
            throw RuntimeError(.processSetupFailed, .path(file), "the pid file cannot be written", errno: error)
        }
    }
}
