import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// The socket of an engine that waits for one descriptor.
final class DescriptorReceiver {
    let path: FilePath
    private let listener: OwnedDescriptor

    init(_ path: FilePath) throws {
        self.path = path
        listener = OwnedDescriptor(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.string.utf8)
        try #require(bytes.count < MemoryLayout.size(ofValue: address.sun_path))
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(bound == 0 && listen(listener.rawValue, 1) == 0)
    }

    /// Waits for it, at most ten seconds.
    func receive() throws -> SharedDescriptor {
        var polled = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
        try #require(poll(&polled, 1, 10_000) == 1, "nobody connects")
        let connection = OwnedDescriptor(accept(listener.rawValue, nil, nil))
        guard let message = try connection.receive() else { throw Errno.connectionReset }
        var descriptors = message.takeDescriptors()
        guard let descriptor = descriptors.take() else { throw Errno.badFileDescriptor }
        return SharedDescriptor(descriptor)
    }
}
