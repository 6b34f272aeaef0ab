public import OCIModel
public import SystemPackage

/// Why an image could not be had, stored or read.
public struct ImageError: Error, Sendable {
    /// What kind of failure; new ones may come, so compare instead of switching without a default.
    public struct Code: Sendable, Hashable {
        enum Value: Hashable {
            case unreachable, timedOut, unauthorized, forbidden, notFound, tooManyRequests, serverFailed, protocolViolation
            case insecureRedirect, tooManyRedirects, digestMismatch, shortBody, oversizedBody, ambiguousManifest
            case unsupportedMediaType, noMatchingPlatform, malformedDocument, notInStore, storeUnusable, storageFull
            case permissionDenied, storeTooNew, cancelled, credentialHelperFailed, unsupported
        }
        let value: Value

        /// The registry cannot be connected to.
        public static let unreachable = Code(value: .unreachable)
        /// The registry stopped answering.
        public static let timedOut = Code(value: .timedOut)
        /// 401: credentials are missing or wrong.
        public static let unauthorized = Code(value: .unauthorized)
        /// 403: the account may not read this repository.
        public static let forbidden = Code(value: .forbidden)
        /// 404: there is no such repository, tag or blob.
        public static let notFound = Code(value: .notFound)
        /// 429, after retries.
        public static let tooManyRequests = Code(value: .tooManyRequests)
        /// Another status that is a failure.
        public static let serverFailed = Code(value: .serverFailed)
        /// The answer is not what the distribution specification says.
        public static let protocolViolation = Code(value: .protocolViolation)
        /// A redirect, or a token service, on plain HTTP.
        public static let insecureRedirect = Code(value: .insecureRedirect)
        /// More than five redirects.
        public static let tooManyRedirects = Code(value: .tooManyRedirects)
        /// The bytes are not those that the digest names.
        public static let digestMismatch = Code(value: .digestMismatch)
        /// The body ended before the size that the descriptor names.
        public static let shortBody = Code(value: .shortBody)
        /// The body is larger than the descriptor, or the limit, says.
        public static let oversizedBody = Code(value: .oversizedBody)
        /// A document that is an index and a manifest at once, or says it is something else than it was served as.
        public static let ambiguousManifest = Code(value: .ambiguousManifest)
        /// A kind of manifest, configuration or layer that this package does not read.
        public static let unsupportedMediaType = Code(value: .unsupportedMediaType)
        /// The image exists, but not for this platform.
        public static let noMatchingPlatform = Code(value: .noMatchingPlatform)
        /// JSON that does not parse, or lacks what it must have.
        public static let malformedDocument = Code(value: .malformedDocument)
        /// The store has no such image or blob.
        public static let notInStore = Code(value: .notInStore)
        /// The store's directory cannot be used.
        public static let storeUnusable = Code(value: .storeUnusable)
        /// A program that keeps credentials failed, or gave no answer in time.
        public static let credentialHelperFailed = Code(value: .credentialHelperFailed)
        /// The registry, or this package, cannot do it.
        public static let unsupported = Code(value: .unsupported)
        /// No space is left.
        public static let storageFull = Code(value: .storageFull)
        /// This process may not write to the store.
        public static let permissionDenied = Code(value: .permissionDenied)
        /// A newer version of this package wrote the store.
        public static let storeTooNew = Code(value: .storeTooNew)
        /// The task was cancelled. Nothing partial is left visible.
        public static let cancelled = Code(value: .cancelled)
    }

    /// The thing that the error is about.
    public enum Subject: Sendable, Hashable, CustomStringConvertible {
        case reference(Reference)
        case registry(String)
        case blob(Digest)
        case path(FilePath)

        public var description: String {
            switch self {
            case .reference(let reference): "\(reference.familiar)"
            case .registry(let name): "registry \(name)"
            case .blob(let digest): "blob \(digest)"
            case .path(let path): path.string
            }
        }
    }

    public var code: Code
    public var subject: Subject
    /// What happened, a clause without a full stop.
    public var reason: String
    public var errno: Errno?
    /// The error of the library below, where there was one.
    public var cause: (any Error)?
    /// Clean-ups that failed after this.
    public var suppressed: [any Error] = []

    package init(
        _ code: Code, _ subject: Subject, _ reason: String, errno: Errno? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.errno = errno
        self.cause = cause
    }
}

extension ImageError: CustomStringConvertible {
    public var description: String {
        let detail = errno.map { " (\($0))" } ?? cause.map { " (\($0))" } ?? ""
        let advice = ImageErrorAdvice.advice(for: code).map { " \($0)" } ?? ""
        return "\(subject): \(reason)\(detail).\(advice)"
    }
}
