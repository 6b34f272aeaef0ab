public import OCIModel

/// How a container's process ended.
public enum ExitStatus: Sendable, Hashable {
    /// It returned this code.
    case exited(Int32)
    /// A signal ended it.
    case signaled(Signal)
    /// The kernel killed it because the container reached its memory limit.
    case outOfMemory
    /// Its supervisor was killed first, and with it the container: nobody saw a status.
    case supervisorLost

    /// It returned 0.
    public var isSuccess: Bool { self == .exited(0) }

    /// What a shell would say: the code, 128 + the signal, 137 for out of memory, 255 for unknown.
    public var shellCode: Int32 {
        switch self {
        case .exited(let code): code
        case .signaled(let signal): 128 + signal.rawValue
        case .outOfMemory: 137
        case .supervisorLost: 255
        }
    }
}

extension ExitStatus: CustomStringConvertible {
    public var description: String {
        switch self {
        case .exited(let code): "exited(\(code))"
        case .signaled(let signal): "signaled(\(signal))"
        case .outOfMemory: "outOfMemory"
        case .supervisorLost: "supervisorLost"
        }
    }
}
