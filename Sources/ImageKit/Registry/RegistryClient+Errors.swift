internal import AsyncHTTPClient
internal import NIOCore
internal import OCIModel

extension RegistryClient {
    /// What a failed request means.
    static func imageError(_ error: any Error, _ subject: ImageError.Subject, _ endpoint: RegistryEndpoint) -> ImageError {
        switch error {
        case let error as ImageError: return error
        case let failure as StatusFailure: return statusError(failure.status, subject, endpoint)
        case is IdleWatch.TimedOut:
            return ImageError(.timedOut, subject, "the registry \(endpoint.registry) stopped answering")
        case is CancellationError: return ImageError(.cancelled, subject, "the task was cancelled")
        case let error as HTTPClientError where error == .cancelled:
            return ImageError(.cancelled, subject, "the task was cancelled")
        case let error as HTTPClientError where error == .remoteConnectionClosed:
            return ImageError(.shortBody, subject, "the registry \(endpoint.registry) closed the connection")
        default:
            return ImageError(.unreachable, subject, "the registry \(endpoint.base) cannot be reached", cause: error)
        }
    }

    private static func statusError(_ status: Int, _ subject: ImageError.Subject, _ endpoint: RegistryEndpoint) -> ImageError {
        switch status {
        case 401: ImageError(.unauthorized, subject, "the registry \(endpoint.registry) refused the credentials")
        case 403: ImageError(.forbidden, subject, "the registry \(endpoint.registry) forbids it")
        case 404: ImageError(.notFound, subject, "the registry \(endpoint.registry) does not have it")
        case 429: ImageError(.tooManyRequests, subject, "the registry \(endpoint.registry) was asked too often")
        default: ImageError(.serverFailed, subject, "the registry \(endpoint.registry) answered \(status)")
        }
    }
}

extension ImageError {
    /// A further attempt may succeed.
    var isTransient: Bool {
        [.unreachable, .timedOut, .tooManyRequests, .shortBody].contains(code) || code == .serverFailed
    }
}
