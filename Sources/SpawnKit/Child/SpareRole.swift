internal import CLinux
internal import CSpawnerEntry
internal import LinuxSystem
internal import SystemPackage

/// A shim that was forked before anybody asked for one, so that a container waits neither for the fork nor for what a shim can do ahead.
///
/// It waits for one request, which the spawner passes on as it came. When the spawner ends, it ends.
struct SpareRole: ~Copyable {
    let pid: CInt
    private let socket: OwnedDescriptor

    init(pid: CInt, socket: consuming OwnedDescriptor) {
        self.pid = pid
        self.socket = socket
    }

    /// Gives it the request, with its descriptors.
    /// - Returns: false when it has ended.
    func takes(_ request: [UInt8], _ descriptors: borrowing DescriptorList) -> Bool {
        do throws(Errno) {
            try socket.send(request, descriptors: descriptors.numbersLeft, nonBlocking: true)
            return true
        } catch { return false }
    }

    /// In a fork of the spawner, which must not keep this one's end open.
    func closeInFork() { close(socket.rawValue) }

    /// The life of a spare.
    static func wait(_ socket: consuming OwnedDescriptor) -> Never {
        _ = unsafe ck_prctl_pointer(PR_SET_NAME, "ck-spare")
        ckPrepareRole(SpawnRole.shim.rawValue, 1)
        do {
            guard let work = try receive(socket) else { _exit(0) }
            work.run()
        } catch { _exit(65) }
    }

    /// A frame of its own: the message is gone when the work begins.
    @inline(never)
    private static func receive(_ socket: consuming OwnedDescriptor) throws -> RoleWork? {
        guard let message = try socket.receive() else { return nil }
        let request = try SpawnRequest(decoding: message.bytes)
        return try RoleWork(request, message.takeDescriptors())
    }
}
