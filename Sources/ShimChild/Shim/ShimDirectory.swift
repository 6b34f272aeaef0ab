internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// `run/containers/<id>`: the exit record, the socket.
final class ShimDirectory {
    private let directory: OwnedDescriptor
    private let record: SharedDescriptor?

    /// No literal: for that Swift makes an array's type in each shim.
    private static let inside = ResolveFlags.beneath.union(.noSymlinks)

    /// Reserves the room of the exit record, so that a full disk cannot lose it.
    init(_ request: ShimRequest) throws(Errno) {
        directory = try OwnedDescriptor.open(request.runDirectory, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        guard request.keepsRecord else {
            record = nil
            return
        }
        let file = try OwnedDescriptor.open(
            "exit.json.new", at: directory, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600, resolve: Self.inside)
        let result = ck_fallocate(file.rawValue, 0, 0, 1024)
        if result != -Int(EOPNOTSUPP) { try check(result) }
        record = SharedDescriptor(file)
    }

    /// A socket that others connect to, mode 0600. Bound through the directory's descriptor: the path may pass 107 bytes.
    func listen() throws(Errno) -> OwnedDescriptor {
        let socket = OwnedDescriptor(
            CInt(try check(ck_socket(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue), 0))))
        _ = unsafe ck_unlinkat(directory.rawValue, "shim.sock", 0)
        try check(unsafe ck_bind_path(socket.rawValue, "/proc/self/fd/\(directory.rawValue)/shim.sock"))
        guard CLinux.listen(socket.rawValue, 16) == 0 else { throw .addressInUse }
        return socket
    }

    /// Host pid, its start time and boot id, for those who look while the container runs.
    func writePid(_ pid: Int32, bootID: String) throws(Errno) {
        guard record != nil else { return }
        let file = try OwnedDescriptor.open(
            "pid", at: directory, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600, resolve: Self.inside)
        try file.write("\(pid) \(ProcessStat(pid)?.startTime ?? 0) \(bootID)\n")
    }

    /// Removes what the host has put there, which is all that most have: a directory that is known needs no look into it.
    func removeKnownFiles() {
        for name in ["state.json", "lock"] { unsafe ck_unlinkat(directory.rawValue, name, 0) }
    }

    /// Makes the record visible in one step: written into the reserved room, then renamed.
    func writeRecord(_ exit: ExitRecord, bootID: String) throws(Errno) {
        guard let record else { return }
        let text = exit.json(bootID: bootID)
        try record.withDescriptor { file throws(Errno) in try file.write(text) }
        guard ftruncate(record.rawValue, text.utf8.count) == 0 else { throw .ioError }
        try check(unsafe ck_renameat2(directory.rawValue, "exit.json.new", directory.rawValue, "exit.json", 0))
    }
}
