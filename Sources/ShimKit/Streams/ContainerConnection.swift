internal import CLinux
internal import Glibc
public import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// A TCP connection to a server inside a container, made in the container's network namespace and handed over.
///
/// One task reads and one writes at a time. A program with a networking library of its own takes `descriptor()` instead.
public final class ContainerConnection: Sendable {
    private let socket: Mutex<SharedDescriptor?>
    private let reading: Readiness
    private let writing: Readiness

    /// Makes the socket non-blocking: nobody else has it.
    init(_ socket: consuming OwnedDescriptor, reactor: Reactor) throws(Errno) {
        let flags = fcntl(socket.rawValue, F_GETFL)
        guard flags >= 0, fcntl(socket.rawValue, F_SETFL, flags | O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
        // A descriptor for each direction: one registration per descriptor is all that epoll(7) knows.
        writing = Readiness(SharedDescriptor(try socket.duplicate()), writing: true, reactor: reactor)
        let shared = SharedDescriptor(socket)
        reading = Readiness(shared, writing: false, reactor: reactor)
        self.socket = Mutex(shared)
    }

    /// The next bytes, at most `limit`; nil when the server has closed its side.
    /// - Throws: `ShimError` with `.streamFailed`; `CancellationError`.
    public func read(upTo limit: Int = 64 * 1024) async throws -> [UInt8]? {
        while true {
            let descriptor = try open()
            var result = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: max(1, limit)) { buffer, count in
                result = ck_read(descriptor.rawValue, buffer.baseAddress, buffer.count)
                count = max(0, result)
            }
            switch result {
            case 1...: return bytes
            case 0: return nil
            case -Int(EINTR): continue
            case -Int(EAGAIN): try await reading.wait()
            default: throw ShimError(.streamFailed, errno: Errno(rawValue: CInt(-result)), "cannot read from the connection")
            }
        }
    }

    /// Writes all of the bytes.
    /// - Throws: `ShimError` with `.streamFailed`; `CancellationError`.
    public func write(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        let bytes = Array(bytes)
        var written = 0
        while written < bytes.count {
            let descriptor = try open()
            let result = bytes.withUnsafeBytes { bytes in
                send(descriptor.rawValue, bytes.baseAddress?.advanced(by: written), bytes.count - written, CInt(MSG_NOSIGNAL))
            }
            if result >= 0 {
                written += result
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: try await writing.wait()
            case let number: throw ShimError(.streamFailed, errno: Errno(rawValue: number), "cannot write to the connection")
            }
        }
    }

    /// Writes text as UTF-8.
    public func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Says that nothing more will be written; reading goes on.
    public func finish() { if let descriptor = socket.withLock({ $0 }) { shutdown(descriptor.rawValue, CInt(SHUT_WR)) } }

    /// Ends the connection.
    public func close() {
        let last = socket.withLock { socket in
            defer { socket = nil }
            return socket
        }
        if let last { shutdown(last.rawValue, CInt(SHUT_RDWR)) }
    }

    /// The connected socket (non-blocking) as a descriptor of its own, for a networking library; the caller closes it.
    /// - Throws: `Errno.tooManyOpenFiles`; `ShimError` after `close`.
    public func descriptor() throws -> OwnedDescriptor { try open().duplicate() }

    private func open() throws(ShimError) -> SharedDescriptor {
        guard let descriptor = socket.withLock({ $0 }) else { throw ShimError(.streamFailed, "the connection has been closed") }
        return descriptor
    }
}

extension SupervisedContainer {
    /// As `connect`, ready for asynchronous use.
    package func connection(port: UInt16, within limit: Duration = .milliseconds(500)) async throws(ShimError) -> ContainerConnection {
        let socket = try await connect(port: port, within: limit)
        do throws(Errno) { return try ContainerConnection(socket, reactor: supervisor.reactor) } catch {
            throw ShimError(.commandFailed, container: id, errno: error, "cannot take the connection over")
        }
    }
}
