public import OCIModel
public import SystemPackage

/// Why a configuration is refused, or a container's process could not be made.
public struct RuntimeError: Error, Sendable {
    /// What kind of failure; new ones may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case unsupportedField, invalidField, hostLacksFeature, notPermitted, executableNotFound, executableNotRunnable
            case workingDirectoryUnusable, mountFailed, cgroupFailed, namespaceFailed, processSetupFailed, seccompFailed
            case resourceExhausted, diedBeforeExec, childCrashed, planRejected
            case cancelled, hookFailed, commandFailed, checkpointFailed, containerNotFound, containerExists, wrongState
        }
        let value: Value

        /// The field is valid, but nothing here would enforce it.
        public static let unsupportedField = Code(value: .unsupportedField)
        /// The field's value is wrong.
        public static let invalidField = Code(value: .invalidField)
        /// The kernel or the host's setup lacks what the configuration needs.
        public static let hostLacksFeature = Code(value: .hostLacksFeature)
        /// This process lacks a right.
        public static let notPermitted = Code(value: .notPermitted)
        /// The program, or the interpreter that it names, is not in the container.
        public static let executableNotFound = Code(value: .executableNotFound)
        /// The program is there but cannot be executed.
        public static let executableNotRunnable = Code(value: .executableNotRunnable)
        /// The working directory is missing, no directory, or outside the root.
        public static let workingDirectoryUnusable = Code(value: .workingDirectoryUnusable)
        /// A mount or a path in the container's file system could not be made.
        public static let mountFailed = Code(value: .mountFailed)
        /// The cgroup could not be made, set or entered.
        public static let cgroupFailed = Code(value: .cgroupFailed)
        /// A namespace could not be made, joined or set up.
        public static let namespaceFailed = Code(value: .namespaceFailed)
        /// A property of the process (limit, identity, capability, …) could not be set.
        public static let processSetupFailed = Code(value: .processSetupFailed)
        /// The system call filter could not be compiled or loaded.
        public static let seccompFailed = Code(value: .seccompFailed)
        /// No memory, process, descriptor or namespace is left.
        public static let resourceExhausted = Code(value: .resourceExhausted)
        /// The process was killed before it ran the program.
        public static let diedBeforeExec = Code(value: .diedBeforeExec)
        /// A bug of this package in the new process.
        public static let childCrashed = Code(value: .childCrashed)
        /// The plan could not be read: a bug of this package, or two versions of it.
        public static let planRejected = Code(value: .planRejected)
        /// The runtime command failed; its message is the reason.
        public static let commandFailed = Code(value: .commandFailed)
        /// criu did not write the container's processes to files, or not make them from these.
        public static let checkpointFailed = Code(value: .checkpointFailed)
        /// The caller did not want it any more.
        public static let cancelled = Code(value: .cancelled)
        /// A hook failed, so the container is not started.
        public static let hookFailed = Code(value: .hookFailed)
        /// No container of that name is under the runtime's root.
        public static let containerNotFound = Code(value: .containerNotFound)
        /// There is a container of that name.
        public static let containerExists = Code(value: .containerExists)
        /// The operation is not for a container in that state.
        public static let wrongState = Code(value: .wrongState)
    }

    /// The thing that the error is about.
    public enum Subject: Sendable, Hashable, CustomStringConvertible {
        /// A member of the runtime configuration, for instance `linux.resources.memory.limit`.
        case field(String)
        /// A path, on the host or in the container as `reason` says.
        case path(FilePath)
        /// A container.
        case container(ContainerID)
        /// This machine.
        case host

        /// How messages name it.
        public var description: String {
            switch self {
            case .field(let name): name
            case .path(let path): path.string
            case .container(let id): "container \(id)"
            case .host: "this host"
            }
        }
    }

    /// What kind of failure.
    public var code: Code
    /// The thing it is about.
    public var subject: Subject
    /// What happened, a clause without a full stop.
    public var reason: String
    /// The system call's error, where there was one.
    public var errno: Errno?
    /// What to do about it, a sentence.
    public var advice: String?
    /// The error underneath, where there was one.
    public var cause: (any Error)?
    /// Errors of the cleanup that followed.
    public var suppressed: [any Error]

    package init(
        _ code: Code, _ subject: Subject, _ reason: String, errno: Errno? = nil, advice: String? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.errno = errno
        self.advice = advice
        self.cause = cause
        self.suppressed = []
    }
}

extension RuntimeError: CustomStringConvertible {
    /// What happened to which thing, and the way out.
    public var description: String {
        var text = "\(subject): \(reason)"
        if let errno { text += " (\(errno))" }
        text += "."
        if let advice { text += " " + advice }
        if let cause { text += " Cause: \(cause)" }
        for error in suppressed { text += " During cleanup: \(error)" }
        return text
    }
}

extension RuntimeError {
    /// The field's value is wrong.
    static func invalid(_ field: String, _ reason: String, advice: String? = nil) -> RuntimeError {
        RuntimeError(.invalidField, .field(field), reason, advice: advice)
    }

    /// The field is not enforced here.
    static func unsupported(_ field: String, _ reason: String = "is not supported", advice: String? = nil) -> RuntimeError {
        RuntimeError(
            .unsupportedField, .field(field), reason,
            advice: advice ?? "Remove the field: it would not be enforced, and is therefore refused.")
    }

    /// The host lacks what the field needs.
    static func hostLacks(_ field: String, _ reason: String, advice: String) -> RuntimeError {
        RuntimeError(.hostLacksFeature, .field(field), reason, advice: advice)
    }
}
