internal import CLinux
internal import Glibc
package import SystemPackage

/// A Unix stream socket of somebody who waits for one descriptor.
package enum StreamSocket {
    /// Connects, sends `text` with the descriptor, and closes.
    /// - Throws: `Errno.fileNameTooLong` for a path that no socket address holds; the errno of the calls. See: man 7 unix.
    package static func send(_ descriptor: SharedDescriptor, to path: String, text: String) throws(Errno) {
        let socket = OwnedDescriptor(CInt(try check(ck_socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0))))
        if path.utf8.count <= 107 {
            try check(ck_connect_path(socket.rawValue, path))
        } else {
            // Addresses are short; the descriptor's name is too.
            let place = try OwnedDescriptor.open(path, flags: O_PATH)
            try check(ck_connect_path(socket.rawValue, "/proc/self/fd/\(place.rawValue)"))
        }
        var number = descriptor.rawValue
        let bytes = Array(text.utf8)
        try check(ck_send(socket.rawValue, bytes, bytes.count, &number, 1, 0))
    }
}
