import ImageKit
import TestSupport
import Testing

@testable import ImageKit

@Suite("Retry-After") struct RetryAfterTests {
    @Test(arguments: [
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
        ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200), ("Thu, 31 Dec 2026 12:00:00 GMT", 1_798_718_400),
    ]) func dates(text: String, seconds: Int64) { #expect(RetryAfter.seconds(text) == seconds) }

    @Test(arguments: ["", "x", "-1", "1.5", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nox 1994 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"])
    func neither(text: String) { #expect(RetryAfter.parse(text, date: nil) == nil) }

    @Test func relativeToTheServersClock() {
        #expect(RetryAfter.parse(" 7 ", date: nil) == .seconds(7))
        #expect(RetryAfter.parse("99999999999999999999", date: nil) == .seconds(1 << 31))
        let date = "Sun, 06 Nov 1994 08:49:30 GMT"
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:49:37 GMT", date: date) == .seconds(7))
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:49:00 GMT", date: date) == .zero)
        // Long past on this machine's clock.
        #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:49:37 GMT", date: nil) == .zero)
    }

    /// A registry that asks for two seconds by a date is left alone that long.
    @Test func isObeyed() async throws {
        var limits = PullFixture.Limits(longestRetryDelay: .seconds(10))
        limits.idleLimit = .seconds(5)
        try await withPullFixture(limits: limits) { fixture in
            let first = OnceFlag()
            fixture.override(PullFixture.manifestPath) { _ in
                guard first.take() else { return nil }
                return .status(
                    429, [("Date", "Sun, 06 Nov 1994 08:49:30 GMT"), ("Retry-After", "Sun, 06 Nov 1994 08:49:31 GMT")])
            }
            let start = ContinuousClock.now
            try await fixture.pull()
            let duration = ContinuousClock.now - start
            #expect(duration >= .seconds(1))
            #expect(duration < .seconds(4))
        }
    }
}
