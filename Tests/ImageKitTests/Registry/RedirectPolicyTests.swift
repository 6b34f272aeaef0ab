import OCIModel
import Testing

@testable import ImageKit

@Suite("Which redirects are followed")
struct RedirectPolicyTests {
    private func step(_ from: String, _ to: String?, followed: Int = 0) throws(ImageError) -> RedirectPolicy.Step {
        try RedirectPolicy.step(from: from, location: to, followed: followed, .registry("reg.example.com"))
    }

    private func code(_ from: String, _ to: String?, followed: Int = 0) -> ImageError.Code? {
        do throws(ImageError) {
            _ = try step(from, to, followed: followed)
            return nil
        } catch { return error.code }
    }

    @Test(arguments: [
        ("https://a.com/v2/x", "https://a.com/y", "https://a.com/y", true), ("https://a.com/v2/x", "/y?q=1", "https://a.com/y?q=1", true),
        ("https://a.com/v2/x", "y", "https://a.com/v2/y", true), ("https://a.com/v2/x", "//b.com/y", "https://b.com/y", false),
        ("https://a.com/x", "https://a.com:443/y", "https://a.com:443/y", true),
        ("https://A.com/x", "https://a.COM/y", "https://a.COM/y", true),
        ("https://a.com/x", "https://a.com:444/y", "https://a.com:444/y", false),
        ("https://a.com/x", "https://b.a.com/y", "https://b.a.com/y", false),
        ("http://127.0.0.1:5000/x", "http://127.0.0.1:5000/y", "http://127.0.0.1:5000/y", true),
        ("http://127.0.0.1:5000/x", "http://127.0.0.1:5001/y", "http://127.0.0.1:5001/y", false),
        ("http://127.0.0.1:5000/x", "http://[::1]:5000/y", "http://[::1]:5000/y", false),
        ("http://127.0.0.1:5000/x", "https://cdn.com/y", "https://cdn.com/y", false),
    ]) func followed(from: String, to: String, url: String, keeps: Bool) throws {
        #expect(try step(from, to) == RedirectPolicy.Step(url: url, keepsCredentials: keeps))
    }

    @Test(arguments: [
        ("https://a.com/x", "http://a.com/x"), ("https://a.com/x", "http://127.0.0.1/x"), ("https://a.com/x", "HTTP://a.com/x"),
        ("http://127.0.0.1/x", "http://a.com/x"), ("http://127.0.0.1/x", "http://127.0.0.1.a.com/x"),
        ("http://127.0.0.1/x", "http://localhost.a.com/x"),
        ("https://a.com/x", "ftp://a.com/x"), ("https://a.com/x", "file://a.com/etc/passwd"),
    ]) func insecure(from: String, to: String) {
        #expect(code(from, to) == .insecureRedirect)
    }

    @Test(arguments: [
        nil, "", "http://", "https:///x", "file:///etc/passwd", "https://user:secret@b.com/", "https://user@b.com/", "data:text/plain,x",
    ])
    func unusable(to: String?) {
        let code = code("https://a.com/x", to)
        // An empty Location is the same address again, and ends at the limit.
        #expect(code == .protocolViolation || (to == "" && code == nil))
    }

    @Test func atMostFive() {
        #expect(code("https://a.com/x", "/y", followed: 4) == nil)
        #expect(code("https://a.com/x", "/y", followed: 5) == .tooManyRedirects)
    }

    @Test(arguments: [
        ("localhost", true), ("localhost:5000", true), ("127.0.0.1", true), ("127.0.0.1:5000", true), ("127.255.1.2", true),
        ("[::1]", true),
        ("[::1]:5000", true), ("::1", true), ("localhost.example.com", false), ("127.0.0.1.example.com", false), ("128.0.0.1", false),
        ("[::2]:5000", false), ("127.0.0.256", false), ("127.0.0", false), ("127", false), ("", false), ("[::ffff:127.0.0.1]", false),
    ]) func loopback(host: String, expected: Bool) {
        #expect(RegistryEndpoint.isLoopback(host) == expected)
    }

    @Test func endpoints() {
        var configuration = RegistryConfiguration()
        #expect(RegistryEndpoint("docker.io", configuration).base == "https://registry-1.docker.io")
        #expect(RegistryEndpoint("ghcr.io", configuration).base == "https://ghcr.io")
        #expect(RegistryEndpoint("127.0.0.1:5000", configuration).base == "http://127.0.0.1:5000")
        configuration.plainHTTP = ["registry.test:5000"]
        #expect(RegistryEndpoint("registry.test:5000", configuration).base == "http://registry.test:5000")
        #expect(RegistryEndpoint("registry.test", configuration).base == "https://registry.test")
        configuration.additionalTrustRoots = [[]]
        #expect(RegistryEndpoint("127.0.0.1:5000", configuration).base == "https://127.0.0.1:5000")
    }

    @Test func delays() {
        let policy = RetryPolicy(retries: 2, longestDelay: .seconds(20))
        #expect(policy.delay(attempt: 0, retryAfter: nil, random: 1) == .milliseconds(200))
        #expect(policy.delay(attempt: 0, retryAfter: nil, random: 0) == .milliseconds(100))
        #expect(policy.delay(attempt: 1, retryAfter: nil, random: 1) == .milliseconds(400))
        #expect(policy.delay(attempt: 1, retryAfter: .seconds(7), random: 0) == .seconds(7))
        #expect(policy.delay(attempt: 1, retryAfter: .seconds(1 << 31), random: 0) == .seconds(20))
        #expect(policy.delay(attempt: 1, retryAfter: .seconds(-5), random: 0) == .zero)
        #expect(policy.delay(attempt: 2, retryAfter: .seconds(1)) == nil)
        #expect(RetryPolicy(retries: .max, longestDelay: .seconds(20)).delay(attempt: 5000, retryAfter: nil) == .seconds(20))
    }
}
