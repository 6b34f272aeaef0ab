internal import Glibc
public import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Standard input of a process, to be written to.
public final class ContainerInput: Sendable {
    private let descriptor: Mutex<SharedDescriptor?>
    private let readiness: Mutex<Readiness?>
    private let closesRemotely: @Sendable () async -> Void

    init(_ descriptor: SharedDescriptor?, reactor: Reactor, closesRemotely: @escaping @Sendable () async -> Void) {
        self.descriptor = Mutex(descriptor)
        readiness = Mutex(descriptor.map { Readiness($0, writing: true, reactor: reactor) })
        self.closesRemotely = closesRemotely
    }

    /// Writes all of the bytes; waits while the process does not read.
    /// - Throws: `ShimError` with `.streamFailed` (errno `brokenPipe`) once the process has closed its input or ended, or
    ///   after `finish`; `CancellationError`.
    public func write(_ bytes: some Sequence<UInt8> & Sendable) async throws {
        let bytes = Array(bytes)
        var written = 0
        while written < bytes.count {
            guard let (descriptor, readiness) = target() else {
                throw ShimError(.streamFailed, errno: .brokenPipe, "standard input has been closed")
            }
            let result = bytes.withUnsafeBytes { bytes in
                QuietWrite.write(
                    descriptor.rawValue, bytes.baseAddress?.advanced(by: written), min(bytes.count - written, 1 << 20))
            }
            switch result {
            case 0...: written += result
            case -Int(EINTR): continue
            case -Int(EAGAIN): try await readiness.wait()
            default:
                throw ShimError(
                    .streamFailed, errno: Errno(rawValue: CInt(-result)), "cannot write to the standard input of the process")
            }
        }
    }

    /// Writes a sequence to its end, then closes standard input. A process that stops reading ends it without an error, as in a shell's
    /// pipe.
    /// - Throws: what the sequence throws; `CancellationError`.
    public func write<Chunks: AsyncSequence>(contentsOf chunks: Chunks) async throws where Chunks.Element == [UInt8] {
        do {
            for try await chunk in chunks { try await write(chunk) }
        } catch let error as ShimError where error.errno == .brokenPipe {}
        await finish()
    }

    /// Writes text as UTF-8.
    public func write(_ text: String) async throws { try await write(Array(text.utf8)) }

    /// Closes standard input: the process reads end of file. Every holder's copy is closed, the shim's too.
    public func finish() async {
        descriptor.withLock { $0 = nil }
        readiness.withLock { $0 = nil }
        await closesRemotely()
    }

    /// The descriptor itself (non-blocking), for a program that writes by its own means; nil after `finish`.
    public func duplicateDescriptor() throws -> OwnedDescriptor? { try descriptor.withLock { $0 }?.duplicate() }

    private func target() -> (SharedDescriptor, Readiness)? {
        guard let descriptor = descriptor.withLock({ $0 }), let readiness = readiness.withLock({ $0 }) else { return nil }
        return (descriptor, readiness)
    }
}
