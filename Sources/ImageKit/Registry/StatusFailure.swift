internal import AsyncHTTPClient
internal import NIOHTTP1

/// An answer that is a failure.
struct StatusFailure: Error {
    var status: Int
    /// How long the registry wants us to wait.
    var retryAfter: Duration?
    /// The host of the token service when it was that which failed.
    var tokenService: String?
    /// What the registry says of it.
    var detail: String?

    init(_ response: HTTPClientResponse, detail: String? = nil) {
        status = Int(response.status.code)
        self.detail = detail
        retryAfter = response.headers.first(name: "Retry-After").flatMap {
            RetryAfter.parse($0, date: response.headers.first(name: "Date"))
        }
    }
}
