internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import OCIModel

extension RegistryClient {
    /// What a failed request means.
    static func imageError(_ error: any Error, _ subject: ImageError.Subject, _ endpoint: RegistryEndpoint) -> ImageError {
        switch error {
        case let error as ImageError: return error
        case let failure as StatusFailure: return statusError(failure, subject, endpoint)
        case is IdleWatch.TimedOut:
            return ImageError(.timedOut, subject, "the registry \(endpoint.registry) stopped answering")
        case is CancellationError: return ImageError(.cancelled, subject, "the task was cancelled")
        case let error as HTTPClientError where error == .cancelled:
            return ImageError(.cancelled, subject, "the task was cancelled")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return ImageError(.shortBody, subject, "the registry \(endpoint.registry) closed the connection")
        case HTTPParserError.invalidEOFState:
            return ImageError(.shortBody, subject, "the registry \(endpoint.registry) closed the connection inside an answer")
        case is HTTPParserError:
            return ImageError(.protocolViolation, subject, "the registry \(endpoint.registry) does not speak HTTP", cause: error)
        default:
            return ImageError(.unreachable, subject, "the registry \(endpoint.base) cannot be reached", cause: error)
        }
    }

    private static func statusError(_ failure: StatusFailure, _ subject: ImageError.Subject, _ endpoint: RegistryEndpoint) -> ImageError {
        let server = failure.tokenService.map { "the token service \($0)" } ?? "the registry \(endpoint.registry)"
        let detail = failure.detail.map { " (\($0))" } ?? ""
        return switch failure.status {
        case 401: ImageError(.unauthorized, subject, "\(server) refused the credentials\(detail)")
        case 403: ImageError(.forbidden, subject, "\(server) forbids it\(detail)")
        case 404 where failure.tokenService == nil: ImageError(.notFound, subject, "\(server) does not have it\(detail)")
        case 429: ImageError(.tooManyRequests, subject, "\(server) was asked too often\(detail)")
        default: ImageError(.serverFailed, subject, "\(server) answered \(failure.status)\(detail)")
        }
    }
}

extension ImageError {
    /// A further attempt may succeed.
    var isTransient: Bool {
        [.unreachable, .timedOut, .tooManyRequests, .shortBody].contains(code) || code == .serverFailed
    }
}

extension ImageError {
    /// It is about this machine, and another host would not change it.
    var isLocal: Bool { [.storageFull, .permissionDenied, .storeUnusable, .storeTooNew, .cancelled].contains(code) }
}
