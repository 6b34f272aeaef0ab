internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The socket between launcher and child: single bytes, the pty master, and an end of file when execve has worked.
enum SetupSocket {
    static func pair() throws(Errno) -> (near: SharedDescriptor, far: SharedDescriptor) {
        var pair: [CInt] = [-1, -1]
        try check(unsafe ck_socket_pair(CInt(SOCK_SEQPACKET.rawValue), &pair))
        return (SharedDescriptor(OwnedDescriptor(pair[0])), SharedDescriptor(OwnedDescriptor(pair[1])))
    }
}
