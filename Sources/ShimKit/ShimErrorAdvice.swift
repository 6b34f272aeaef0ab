internal import SystemPackage

/// What to do about a failure, by its code and errno.
enum ShimErrorAdvice {
    static func advice(for error: ShimError) -> String? {
        switch error.code {
        case .alreadyExists: "Choose another name, or delete that container first."
        case .notFound: "List the containers of this root to see which there are."
        case .busy: "Wait until it detaches, or take the streams over explicitly."
        case .supervisorLost: "Its shim was killed (by hand, or by the out-of-memory killer of the host); start it again."
        case .incompatibleVersion: "Use a program built with the version of the package that made it, until the container has ended."
        case .removalFailed: "The next engine that opens this root tries again."
        case .commandFailed:
            switch error.errno {
            case .some(.connectionRefused): "Nothing listens on that port inside the container yet."
            case .some(.noFunction): "Its shim was made by an older version of this package, which cannot do that."
            case .some(.noSuchProcess): "The process has ended."
            case .some(.notPermitted), .some(.permissionDenied): "This program lacks the right; see `features()`."
            default: nil
            }
        default: nil
        }
    }
}
