package import LinuxSystem

/// The child's ends of its standard streams. The launcher takes them over: when it returns, the caller holds no end
/// of the child's any more, so that end of file is end of file.
package struct StandardStreams: ~Copyable {
    let input: OwnedDescriptor
    let output: OwnedDescriptor
    let error: OwnedDescriptor

    /// - Parameters:
    ///   - input: open for reading; becomes descriptor 0.
    ///   - output: open for writing; becomes descriptor 1.
    ///   - error: open for writing; becomes descriptor 2.
    package init(input: consuming OwnedDescriptor, output: consuming OwnedDescriptor, error: consuming OwnedDescriptor) {
        self.input = input
        self.output = output
        self.error = error
    }
}

extension Optional where Wrapped == StandardStreams {
    /// The numbers, in the order 0 to 2; none without streams.
    var numbers: [CInt] {
        switch self {
        case .some(let streams): [streams.input.rawValue, streams.output.rawValue, streams.error.rawValue]
        case .none: []
        }
    }
}
