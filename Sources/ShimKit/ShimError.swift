public import OCIModel
public import SystemPackage

/// Why a container could not be supervised as asked.
public struct ShimError: Error, Sendable {
    /// What kind of failure; new ones may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case launchFailed, spawnFailed, alreadyExists, notFound, wrongState, busy, supervisorLost, streamFailed
            case commandFailed, stateUnreadable, incompatibleVersion, removalFailed, closed, cancelled
        }
        let value: Value

        /// The process could not be made; `cause` says where and why.
        public static let launchFailed = Code(value: .launchFailed)
        /// The spawner or the shim could not be started.
        public static let spawnFailed = Code(value: .spawnFailed)
        /// A container of this name exists.
        public static let alreadyExists = Code(value: .alreadyExists)
        /// There is no container of this name.
        public static let notFound = Code(value: .notFound)
        /// The operation does not fit the container's state.
        public static let wrongState = Code(value: .wrongState)
        /// Somebody else reads the streams.
        public static let busy = Code(value: .busy)
        /// The container's shim was killed, and with it the container.
        public static let supervisorLost = Code(value: .supervisorLost)
        /// A standard stream cannot be read or written.
        public static let streamFailed = Code(value: .streamFailed)
        /// A signal, a connection, a resize or the like failed; `errno` says why.
        public static let commandFailed = Code(value: .commandFailed)
        /// A file of the container's state makes no sense.
        public static let stateUnreadable = Code(value: .stateUnreadable)
        /// Another version of this package made the container, and the two do not understand each other. It runs on.
        public static let incompatibleVersion = Code(value: .incompatibleVersion)
        /// The container has ended, but something of it could not be removed; the next start of an engine tries again.
        public static let removalFailed = Code(value: .removalFailed)
        /// The engine has been shut down.
        public static let closed = Code(value: .closed)
        /// The task was cancelled.
        public static let cancelled = Code(value: .cancelled)
    }

    public var code: Code
    /// The container it is about, where it is about one.
    public var container: ContainerID?
    public var errno: Errno?
    /// What happened, a clause without a full stop.
    public var reason: String
    /// The error of the layer below.
    public var cause: (any Error)?
    /// Clean-ups that failed after this.
    public var suppressed: [any Error] = []

    package init(
        _ code: Code, container: ContainerID? = nil, errno: Errno? = nil, _ reason: String, cause: (any Error)? = nil
    ) {
        self.code = code
        self.container = container
        self.errno = errno
        self.reason = reason
        self.cause = cause
    }
}

extension ShimError: CustomStringConvertible {
    public var description: String {
        let subject = container.map { "Container \($0): " } ?? ""
        if let cause { return "\(subject)\(cause)" }
        let detail = errno.map { " (\($0))" } ?? ""
        let advice = ShimErrorAdvice.advice(for: self).map { ". \($0)" } ?? ""
        return "\(subject)\(reason)\(detail)\(advice)"
    }
}
