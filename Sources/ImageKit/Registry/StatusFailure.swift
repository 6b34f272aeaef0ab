internal import AsyncHTTPClient
internal import NIOHTTP1

/// An answer that is a failure.
struct StatusFailure: Error {
    var status: Int
    /// Seconds. A date is not read: the retry policy's own delay is as good.
    var retryAfter: Int?
    /// The host of the token service when it was that which failed.
    var tokenService: String?

    init(_ response: HTTPClientResponse) {
        status = Int(response.status.code)
        retryAfter = response.headers.first(name: "Retry-After").flatMap { Int($0) }
    }
}
