public import OCIModel
public import SystemPackage

/// Why the engine did not do what it was asked for. `cause` is the error of the kit below: an `ImageError`, `BundleError`,
/// `RuntimeError` or `ShimError`.
public struct ContainerError: Error, Sendable {
    /// What kind of failure; new ones may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case hostUnsuitable, imageUnavailable, unpackFailed, configurationRefused, launchFailed, nameTaken, notFound
            case notRunning, notReady, busy, connectionRefused, ioFailed, storage, removalFailed, supervisorLost, closed, cancelled
        }
        let value: Value

        /// This kernel, or the rights of this program, do not allow it. See `ContainerEngine.features`.
        public static let hostUnsuitable = Code(value: .hostUnsuitable)
        /// The image is not in the store and could not be pulled.
        public static let imageUnavailable = Code(value: .imageUnavailable)
        /// The image's layers could not be unpacked.
        public static let unpackFailed = Code(value: .unpackFailed)
        /// A field of the configuration makes no sense, or would not be enforced.
        public static let configurationRefused = Code(value: .configurationRefused)
        /// The container's process could not be made.
        public static let launchFailed = Code(value: .launchFailed)
        /// A container of this name exists.
        public static let nameTaken = Code(value: .nameTaken)
        /// There is no such container or image.
        public static let notFound = Code(value: .notFound)
        /// The container has ended, or has not been started.
        public static let notRunning = Code(value: .notRunning)
        /// The container did not become ready in time.
        public static let notReady = Code(value: .notReady)
        /// Somebody else holds it.
        public static let busy = Code(value: .busy)
        /// Nothing listens on that port inside the container.
        public static let connectionRefused = Code(value: .connectionRefused)
        /// A standard stream could not be read or written.
        public static let ioFailed = Code(value: .ioFailed)
        /// The engine's directories could not be read or written.
        public static let storage = Code(value: .storage)
        /// Something of a container could not be removed; the next start of an engine tries again.
        public static let removalFailed = Code(value: .removalFailed)
        /// The container's supervisor was killed, and with it the container.
        public static let supervisorLost = Code(value: .supervisorLost)
        /// The engine has been shut down.
        public static let closed = Code(value: .closed)
        /// The task was cancelled.
        public static let cancelled = Code(value: .cancelled)
    }

    /// The thing that the error is about.
    public enum Subject: Sendable, Hashable {
        /// The engine as a whole.
        case engine
        /// One container.
        case container(ContainerID)
        /// An image, as it was named.
        case image(String)
        /// A field of the configuration.
        case option(String)
        /// A path of the host.
        case path(FilePath)
    }

    /// What kind of failure.
    public var code: Code
    /// What it is about.
    public var subject: Subject
    /// What happened, a clause without a full stop.
    public var reason: String
    /// What to do about it, where the cause does not say it.
    public var advice: String?
    /// The error of the layer below.
    public var cause: (any Error)?
    /// Failed clean-ups.
    public var suppressed: [any Error] = []

    package init(_ code: Code, _ subject: Subject, _ reason: String, advice: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.advice = advice
        self.cause = cause
    }
}

extension ContainerError: CustomStringConvertible {
    /// What happened to which thing, and the way out.
    public var description: String {
        var text =
            switch subject {
            case .engine: reason
            case .container(let id): "Container \(id): \(reason)"
            case .image(let name): "Image \(name): \(reason)"
            case .option(let name): "\(name): \(reason)"
            case .path(let path): "\(path): \(reason)"
            }
        if let cause { text += ": \(cause)" }
        if let advice { text += (text.hasSuffix(".") ? " " : ". ") + advice }
        for error in suppressed { text += " During clean-up: \(error)" }
        return text
    }
}
