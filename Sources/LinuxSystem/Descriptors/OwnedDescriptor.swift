internal import CLinux
public import SystemPackage

/// A file descriptor with one owner: closed when its life ends, never twice, never leaked.
///
/// Pass it `consuming` to give it away, `borrowing` to lend it. To share one between several holders, make a
/// `SharedDescriptor` of it.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number. It is valid as long as this value lives; whoever keeps it longer holds somebody else's file.
    public let rawValue: CInt

    /// Takes over an open descriptor.
    public init(_ rawValue: CInt) { self.rawValue = rawValue }

    /// Takes over an open descriptor.
    public init(_ descriptor: FileDescriptor) { self.rawValue = descriptor.rawValue }

    deinit { close(rawValue) }

    /// The descriptor as SystemPackage's type, lent for a call.
    public var borrowed: FileDescriptor { FileDescriptor(rawValue: rawValue) }

    /// Gives the number to a new owner, who closes it.
    public consuming func release() -> CInt {
        let descriptor = rawValue
        discard self
        return descriptor
    }

    /// A second descriptor of the same open file description, close-on-exec, numbered `minimum` or above.
    /// - Throws: `Errno.tooManyOpenFiles`. See: man 2 fcntl (F_DUPFD_CLOEXEC).
    public borrowing func duplicate(from minimum: CInt = 3) throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(CInt(try check(ck_fcntl(rawValue, F_DUPFD_CLOEXEC, Int(minimum)))))
    }
}
