import ImageKit
import OCIModel
import Synchronization
import TestSupport
import Testing

@testable import ImageKit

@Suite("Token services: OAuth2 and scopes", .serialized) struct OAuthTests {
    typealias Answer = ScriptedServer.Answer

    /// What the token service answers.
    private struct Service: Sendable {
        var answer: @Sendable (ScriptedServer.Request) -> Answer?
        init(_ answer: @escaping @Sendable (ScriptedServer.Request) -> Answer?) { self.answer = answer }
    }

    private func withService(
        _ credentials: RegistryCredentials, scope: String = #",scope="repository:team/app:pull""#,
        service: Service, _ body: (PullFixture) async throws -> Void
    ) async throws {
        try await withCleanup { cleanup in
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, try cleanup.directory("oauth"), credentials: credentials)
            let header = #"Bearer realm="http://\#(fixture.server.address)/token",service="reg"\#(scope)"#
            fixture.override(all: { request in
                guard request.path.hasPrefix("/v2/") else { return nil }
                return request.authorization == "Bearer good" ? nil : .status(401, [("WWW-Authenticate", header)])
            })
            fixture.override("/token", service.answer)
            try await body(fixture)
        }
    }

    @Test func password() async throws {
        try await withService(
            .init(username: "ada", password: "love&lace=ü"),
            service: Service { request in
                let body = String(decoding: request.body, as: UTF8.self)
                let isRight =
                    request.method == "POST" && body.contains("grant_type=password") && body.contains("password=love%26lace%3D%C3%BC")
                    && body.contains("scope=repository%3Ateam%2Fapp%3Apull") && body.contains("service=reg")
                return isRight && request.authorization == nil ? .json(#"{"access_token":"good"}"#) : .status(500)
            }
        ) { fixture in
            try await fixture.pull()
            #expect(fixture.server.requests(to: "/token").count == 1)
        }
    }

    /// Where the service knows only GET, Basic goes there.
    @Test(arguments: [400, 401, 404, 405]) func fallback(status: Int) async throws {
        try await withService(
            .init(username: "ada", password: "lovelace"),
            service: Service { request in
                if request.method == "POST" { return .status(status) }
                return request.authorization == "Basic YWRhOmxvdmVsYWNl" && request.uri.contains("account=ada")
                    ? .json(#"{"token":"good"}"#) : .status(403)
            }
        ) { fixture in
            try await fixture.pull()
            #expect(fixture.server.requests(to: "/token").map(\.method) == ["POST", "GET"])
        }
    }

    /// A refresh token has no other way than POST; a newer one is used from then on.
    @Test func identityToken() async throws {
        let used = Mutex<[String]>([])
        try await withService(
            .init(identityToken: "first"),
            service: Service { request in
                let body = String(decoding: request.body, as: UTF8.self)
                let token = body.split(separator: "&").first { $0.hasPrefix("refresh_token=") }.map { String($0.dropFirst(14)) } ?? ""
                let count = used.withLock { used in
                    used.append(token)
                    return used.count
                }
                return .json(#"{"access_token":"\#(count == 1 ? "old" : "good")","refresh_token":"second"}"#)
            }
        ) { fixture in
            // The registry refuses the first access token.
            await #expect(throws: ImageError.self) { try await fixture.pull() }
            try await fixture.pull()
            #expect(used.withLock { $0 } == ["first", "second"])
        }
        try await withService(.init(identityToken: "gone"), service: Service { _ in .status(401) }) { fixture in
            try await fixture.expectFailure(.unauthorized)
            #expect(fixture.server.requests(to: "/token").map(\.method) == ["POST"])
        }
    }

    /// A token that the registry takes as it is asks nobody.
    @Test func registryToken() async throws {
        try await withService(.init(registryToken: "good"), service: Service { _ in .status(500) }) { fixture in
            try await fixture.pull()
            #expect(fixture.server.requests(to: "/token").isEmpty)
        }
    }

    @Test func scopes() {
        let merged = TokenScope.merged(
            TokenScope.parse("repository:a:pull repository:b:pull,push junk :pull") + [
                TokenScope(resource: "repository:a", actions: ["push"])
            ])
        #expect(merged.map(\.description) == ["repository:a:pull,push", "repository:b:pull,push"])
        #expect(TokenScope(resource: "repository:a", actions: ["pull"]).isIn(merged))
        #expect(!TokenScope(resource: "repository:a", actions: ["delete"]).isIn(merged))
        #expect(!TokenScope(resource: "repository:c", actions: ["pull"]).isIn(merged))
        #expect(TokenScope.parse("repository:host:5000/a:pull").first?.resource == "repository:host:5000/a")
    }

    /// A token that is good for more serves for less; an expired one for nothing.
    @Test func cache() async throws {
        let cache = TokenCache()
        let both = [TokenScope(resource: "repository:a", actions: ["pull", "push"])]
        let pull = [TokenScope(resource: "repository:a", actions: ["pull"])]
        _ = try await cache.token("r", both) { .init(value: "x", expires: .now + .milliseconds(200)) }
        #expect(await cache.token("r", pull) == "x")
        #expect(await cache.token("other", pull) == nil)
        #expect(await cache.token("r", [TokenScope(resource: "repository:b", actions: ["pull"])]) == nil)
        try await Task.sleep(for: .milliseconds(250))
        #expect(await cache.token("r", pull) == nil)
    }

    /// A registry without TLS in the local network, allowed by name, may have its token service on its own origin, and redirect there.
    @Test func plainRegistryOfTheLocalNetwork() throws {
        let subject = ImageError.Subject.registry("x")
        let own = try RedirectPolicy.step(from: "http://10.0.0.1:5000/v2/", location: "/there", followed: 0, subject)
        #expect(own == .init(url: "http://10.0.0.1:5000/there", keepsCredentials: true))
        #expect(throws: ImageError.self) {
            try RedirectPolicy.step(from: "http://10.0.0.1:5000/v2/", location: "http://10.0.0.2:5000/", followed: 0, subject)
        }
        #expect(throws: ImageError.self) {
            try RedirectPolicy.step(from: "https://10.0.0.1:5000/v2/", location: "http://10.0.0.1:5000/", followed: 0, subject)
        }
        #expect(RedirectPolicy.haveOneOrigin("http://10.0.0.1:5000/token", "http://10.0.0.1:5000"))
        #expect(!RedirectPolicy.haveOneOrigin("http://10.0.0.1:5001/token", "http://10.0.0.1:5000"))
        #expect(!RedirectPolicy.haveOneOrigin("http://10.0.0.1/token", "https://10.0.0.1"))
    }
}
