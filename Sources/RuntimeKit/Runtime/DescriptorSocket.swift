internal import Glibc
internal import LinuxSystem
internal import SystemPackage

/// A Unix socket of an engine that waits for a descriptor. See: man 7 unix (SCM_RIGHTS).
enum DescriptorSocket {
    static func send(_ descriptor: SharedDescriptor, to path: FilePath, field: String, text: String) throws(RuntimeError) {
        do throws(Errno) { try StreamSocket.send(descriptor, to: path.string, text: text) } catch {
            throw RuntimeError(.processSetupFailed, .path(path), "the \(field) does not take a descriptor", errno: error)
        }
    }
}
