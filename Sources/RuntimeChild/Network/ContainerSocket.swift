internal import CLinux
package import LinuxSystem
package import SystemPackage

/// A connection to a port inside a container, from the outside and without a bridge.
package enum ContainerSocket {
    /// Connects from within the network namespace of `process`. The calling process is single-threaded and joins that
    /// namespace for as long as the socket is made; a socket stays in the namespace of its birth.
    /// - Parameters:
    ///   - address: 4 or 16 bytes in network order.
    ///   - process: pidfd of a process of the container.
    ///   - milliseconds: how long the connection may take.
    /// - Returns: a connected blocking stream socket, close-on-exec.
    /// - Throws: `Errno.connectionRefused` when nobody listens, `Errno.timedOut`, `Errno.noSuchProcess`.
    package static func connect(
        to address: [UInt8], port: UInt16, in process: SharedDescriptor, milliseconds: Int32
    ) throws(Errno) -> OwnedDescriptor {
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let socket = try make(address.count == 16 ? AF_INET6 : AF_INET, type, in: process)
        let result = unsafe ck_connect_inet(socket.rawValue, address, address.count, port)
        if result == -Int(EINPROGRESS) {
            try awaitConnection(socket, milliseconds)
        } else {
            try check(result)
        }
        try check(ck_fcntl(socket.rawValue, F_SETFL, 0))
        return socket
    }

    /// A socket of the namespace of `process`; the calling process has one thread.
    static func make(_ family: CInt, _ type: CInt, in process: SharedDescriptor) throws(Errno) -> OwnedDescriptor {
        let own = try OwnedDescriptor.open("/proc/self/ns/net", flags: O_RDONLY)
        try check(ck_setns(process.rawValue, CInt(ck_CLONE_NEWNET)))
        let socket = ck_socket(family, type, 0)
        // Back before anything else can fail.
        let back = ck_setns(own.rawValue, CInt(ck_CLONE_NEWNET))
        let descriptor = OwnedDescriptor(CInt(try check(socket)))
        try check(back)
        return descriptor
    }

    private static func awaitConnection(_ socket: borrowing OwnedDescriptor, _ milliseconds: Int32) throws(Errno) {
        var polled = pollfd(fd: socket.rawValue, events: Int16(POLLOUT), revents: 0)
        let ready = unsafe poll(&polled, 1, milliseconds)
        if ready == 0 { throw .timedOut }
        if ready < 0 { throw .interrupted }
        try check(ck_socket_error(socket.rawValue))
    }
}
