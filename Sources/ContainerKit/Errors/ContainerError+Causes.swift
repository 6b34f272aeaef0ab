internal import BundleKit
internal import ImageKit
internal import OCIModel
internal import RuntimeKit
internal import ShimKit
internal import SystemPackage

extension ContainerError {
    init(_ error: ShimError, container: ContainerID?) {
        let code: Code
        switch error.code {
        case .launchFailed:
            switch (error.cause as? RuntimeError)?.code {
            case .unsupportedField?, .invalidField?: code = .configurationRefused
            case .hostLacksFeature?, .notPermitted?: code = .hostUnsuitable
            default: code = .launchFailed
            }
        case .spawnFailed: code = .launchFailed
        case .alreadyExists: code = .nameTaken
        case .notFound: code = .notFound
        case .wrongState: code = .notRunning
        case .busy: code = .busy
        case .supervisorLost: code = .supervisorLost
        case .streamFailed: code = .ioFailed
        case .commandFailed: code = error.errno == .connectionRefused ? .connectionRefused : .ioFailed
        case .removalFailed: code = .removalFailed
        case .closed: code = .closed
        case .cancelled: code = .cancelled
        default: code = .storage
        }
        let subject = (error.container ?? container).map { Subject.container($0) } ?? .engine
        // The cause names the container itself where it can.
        var shown = error
        shown.container = nil
        self.init(code, subject, error.code == .cancelled ? "it was cancelled" : "it failed", cause: shown)
        suppressed = error.suppressed
    }

    init(_ error: RuntimeError, container: ContainerID) {
        let code: Code
        switch error.code {
        case .unsupportedField, .invalidField: code = .configurationRefused
        case .hostLacksFeature, .notPermitted: code = .hostUnsuitable
        default: code = .launchFailed
        }
        self.init(code, .container(container), "it cannot be made", cause: error)
    }

    init(_ error: BundleError, image: String) {
        let code: Code
        switch error.code {
        case .invalidOption, .unknownUser, .noCommand: code = .configurationRefused
        case .cancelled: code = .cancelled
        case .storage, .newerFormat, .unsuitableFileSystem: code = .storage
        default: code = .unpackFailed
        }
        self.init(code, .image(image), code == .configurationRefused ? "it cannot be run like this" : "it cannot be used", cause: error)
    }

    init(_ error: ImageError, image: String?) {
        let code: Code
        switch error.code {
        case .cancelled: code = .cancelled
        case .storeUnusable, .storageFull, .permissionDenied, .storeTooNew: code = .storage
        default: code = .imageUnavailable
        }
        self.init(code, image.map { .image($0) } ?? .engine, image == nil ? "the image store failed" : "it is not available", cause: error)
    }

    static func storage(_ errno: Errno, _ path: FilePath) -> ContainerError {
        let advice: String? =
            switch errno {
            case .noSpace: "Free some space, or give the engine another root."
            case .permissionDenied, .notPermitted, .readOnlyFileSystem:
                "Run as root, or set `root` and `run` of the engine's configuration to directories that this user may write."
            default: nil
            }
        return ContainerError(.storage, .path(path), "it cannot be used (\(errno))", advice: advice)
    }

    /// In scoped forms cancellation is what Swift's users expect.
    var scoped: any Error { code == .cancelled ? CancellationError() : self }
}

/// Runs a body with typed errors and hands out cancellation as `CancellationError`.
func scoped<Value>(_ body: () async throws(ContainerError) -> Value) async throws -> Value {
    do throws(ContainerError) { return try await body() } catch { throw error.scoped }
}
