public import SystemPackage

/// Why the spawner could not be started, or a role not be forked.
public struct SpawnError: Error, Sendable, Hashable {
    /// What went wrong; new cases may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case hostCannotReexecute, unsuitableExecutable, spawnerEnded, forkFailed, roleNotLinked, protocolViolation, closed
        }
        let value: Value

        /// The host program's executable cannot be executed a second time as the spawner.
        public static let hostCannotReexecute = Code(value: .hostCannotReexecute)
        /// The executable that the configuration names is none that can be the spawner of this program.
        public static let unsuitableExecutable = Code(value: .unsuitableExecutable)
        /// The spawner ended while it was asked; a further attempt starts a new one.
        public static let spawnerEnded = Code(value: .spawnerEnded)
        /// fork(2) or unshare(2) failed in the spawner.
        public static let forkFailed = Code(value: .forkFailed)
        /// The program does not link the module that implements the role.
        public static let roleNotLinked = Code(value: .roleNotLinked)
        /// A frame of the spawner could not be decoded.
        public static let protocolViolation = Code(value: .protocolViolation)
        /// The engine has been shut down.
        public static let closed = Code(value: .closed)
    }

    public var code: Code
    /// The error number of the failed call, where there was one.
    public var errno: Errno?
    /// What exactly was seen.
    public var reason: String

    package init(_ code: Code, errno: Errno? = nil, _ reason: String) {
        self.code = code
        self.errno = errno
        self.reason = reason
    }
}

extension SpawnError: CustomStringConvertible {
    public var description: String {
        let detail = errno.map { " (\($0))" } ?? ""
        switch code.value {
        case .hostCannotReexecute:
            return
                "This program cannot execute itself as the container spawner: \(reason)\(detail). "
                + "Set the path of the `container-shim` executable, a product of this package, in the engine's configuration."
        case .unsuitableExecutable:
            return
                "The executable that is configured cannot make containers for this program: \(reason)\(detail). It has to be a product of this "
                + "package, `container-shim` or `durable-shim`, built from the version that the program is built with."
        case .spawnerEnded: return "The container spawner ended unexpectedly: \(reason)\(detail). Try again: a new one is started."
        case .forkFailed:
            return "The container spawner could not fork: \(reason)\(detail). Check the limits on processes (ulimit -u, pids.max)."
        case .roleNotLinked:
            return "The spawner's executable does not link what was asked of it: \(reason). The product `container-shim` links all of it."
        case .protocolViolation: return "The container spawner answered with a frame that makes no sense: \(reason)."
        case .closed: return "The container engine has been shut down."
        }
    }
}
