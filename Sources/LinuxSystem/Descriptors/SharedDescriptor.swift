public import SystemPackage

/// One owned descriptor with several holders; closed when the last lets go.
public final class SharedDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    /// Takes over `descriptor`.
    public init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// The number, valid as long as this object is held.
    public var rawValue: CInt { descriptor.rawValue }

    /// The descriptor as SystemPackage's type, lent for a call.
    public var borrowed: FileDescriptor { descriptor.borrowed }

    /// A second descriptor of the same open file description.
    public func duplicate() throws(Errno) -> OwnedDescriptor { try descriptor.duplicate() }

    /// Lends the owned descriptor for a call that wants one.
    package func withDescriptor<Result, Failure: Error>(
        _ body: (borrowing OwnedDescriptor) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(descriptor)
    }
}
