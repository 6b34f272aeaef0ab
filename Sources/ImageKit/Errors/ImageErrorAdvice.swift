internal import OCIModel
internal import SystemPackage

/// What to do about a failure, and which failure an errno is.
enum ImageErrorAdvice {
    static func advice(for code: ImageError.Code) -> String? {
        switch code {
        case .unreachable: "Check the name, the network and the proxy; a registry without TLS must be allowed explicitly."
        case .timedOut: "Try again; what was verified is kept."
        case .unauthorized: "Log in, or give credentials for this registry; a private repository is also reported so."
        case .forbidden: "The account lacks the right to pull this repository."
        case .notFound: "Check the spelling of the repository and the tag."
        case .tooManyRequests: "Wait, or log in: registries limit anonymous pulls."
        case .insecureRedirect: "The registry is set up wrongly, or somebody is in between."
        case .digestMismatch, .shortBody, .oversizedBody: "Nothing of it was kept. Try again; if it stays, the registry's copy is damaged."
        case .noMatchingPlatform: "Ask for one of the platforms that the image has."
        case .notInStore: "Pull the image first."
        case .credentialHelperFailed: "Run `docker-credential-<name> get` by hand, or take it out of config.json."
        case .storageFull: "Free space on the file system of the store, or choose another root."
        case .permissionDenied: "Run as root, or choose a root directory that this user may write to."
        case .storeTooNew: "Use that version, or another root directory."
        default: nil
        }
    }

    static func error(_ errno: Errno, _ subject: ImageError.Subject, _ reason: String) -> ImageError {
        let code: ImageError.Code =
            switch errno {
            case .noSpace, .diskQuotaExceeded, .fileTooLarge: .storageFull
            case .permissionDenied, .notPermitted, .readOnlyFileSystem: .permissionDenied
            case .noSuchFileOrDirectory: .notInStore
            default: .storeUnusable
            }
        return ImageError(code, subject, reason, errno: errno)
    }
}
