import ImageKit
import NIOCore
import NIOHTTP1
import OCIModel
import Synchronization
import TestSupport
import Testing

@Suite("Token services", .serialized)
struct TokenServiceTests {
    typealias Answer = ScriptedServer.Answer

    /// What the registry accepts and says, and what its token service answers.
    private struct Script: Sendable {
        var accepted: @Sendable (String) -> Bool = { $0.hasPrefix("t") }
        var challenge: @Sendable (ScriptedServer) -> String = { server in
            #"Bearer realm="http://\#(server.address)/token",service="reg",scope="repository:team/app:pull""#
        }
        var service: @Sendable (ScriptedServer.Request) -> Answer = { _ in .json(#"{"token":"t1","expires_in":300}"#) }
    }

    /// The registry wants `Bearer <token>`; the service answers at /token on the same server.
    private func withTokens(_ script: Script = Script(), _ body: (PullFixture) async throws -> Void) async throws {
        try await withPullFixture { fixture in
            let header = script.challenge(fixture.server)
            fixture.override(all: { request in
                guard request.path.hasPrefix("/v2/") else { return nil }
                if let token = request.authorization?.split(separator: " ").last, script.accepted(String(token)) { return nil }
                return .status(401, [("WWW-Authenticate", header)])
            })
            fixture.override("/token", script.service)
            try await body(fixture)
        }
    }

    @Test func oneTokenServesAllRequests() async throws {
        try await withTokens { fixture in
            try await fixture.pull()
            let asked = fixture.server.requests(to: "/token")
            #expect(asked.count == 1)
            #expect(asked.first?.authorization == nil)
            #expect(asked.first?.uri.contains("scope=repository:team/app:pull") == true)
            #expect(asked.first?.uri.contains("service=reg") == true)
            let refused = fixture.server.requests.filter { $0.path.hasPrefix("/v2/") && $0.authorization == nil }
            #expect(refused.count == 1)
        }
    }

    @Test func accessTokenIsTheSame() async throws {
        try await withTokens(Script(service: { _ in .json(#"{"access_token":"t9"}"#) })) { try await $0.pull() }
    }

    @Test func parallelPullsShareOneRequest() async throws {
        try await withTokens(
            Script(service: { _ in
                var answer = Answer.json(#"{"token":"t1"}"#)
                answer.delay = .milliseconds(200)
                return answer
            })
        ) { fixture in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await fixture.pull(.always) } }
                try await group.waitForAll()
            }
            #expect(fixture.server.requests(to: "/token").count == 1)
            for layer in fixture.image.layers {
                #expect(fixture.server.requests(to: PullFixture.blobPath(layer)).filter { $0.authorization != nil }.count == 1)
            }
        }
    }

    /// The registry stops accepting the first token: a second is fetched.
    @Test func refusedTokensAreReplaced() async throws {
        let number = Mutex(0)
        let revoked = Mutex(false)
        try await withTokens(
            Script(
                accepted: { token in token == "t1" ? !revoked.withLock { $0 } : token == "t2" },
                service: { _ in
                    let count = number.withLock { number in
                        number += 1
                        return number
                    }
                    return .json(#"{"token":"t\#(count)"}"#)
                }
            )
        ) { fixture in
            try await fixture.pull()
            revoked.withLock { $0 = true }
            try await fixture.pull(.always)
            #expect(fixture.server.requests(to: "/token").count == 2)
        }
    }

    @Test func tokensThatAreNeverAccepted() async throws {
        try await withTokens(Script(accepted: { _ in false })) { fixture in
            try await fixture.expectFailure(.unauthorized)
            #expect(fixture.server.requests(to: "/token").count == 1)
        }
    }

    @Test(arguments: [
        (401, ImageError.Code.unauthorized, 1), (403, .forbidden, 1), (404, .serverFailed, 1), (429, .tooManyRequests, 2),
        (503, .serverFailed, 2),
    ])
    func failuresOfTheService(status: Int, code: ImageError.Code, requests: Int) async throws {
        try await withTokens(Script(service: { _ in .status(status) })) { fixture in
            let failure = try await fixture.expectFailure(code)
            #expect(failure?.description.contains("token service") == true)
            #expect(fixture.server.requests(to: "/token").count == requests)
        }
    }

    @Test func answersThatAreNone() async throws {
        for text in ["{}", #"{"token":""}"#, #"{"token":"a\r\nX-Evil: 1"}"#, #"{"token":"a b"}"#] {
            try await withTokens(Script(service: { _ in .json(text) })) { try await $0.expectFailure(.protocolViolation) }
        }
        try await withTokens(Script(service: { _ in .json("<html>") })) { try await $0.expectFailure(.malformedDocument) }
        try await withTokens(
            Script(service: { _ in Answer(body: [UInt8](repeating: 0x20, count: 65536), ending: .endless, isChunked: true) })
        ) {
            try await $0.expectFailure(.oversizedBody)
        }
    }

    @Test(arguments: [-1, 0, 5]) func stalledService(after: Int) async throws {
        try await withTokens(
            Script(service: { _ in
                var answer = Answer.json(#"{"token":"t1"}"#)
                answer.ending = .stall(after: after)
                return answer
            })
        ) { try await $0.expectFailure(.timedOut) }
    }

    @Test func realmsThatAreRefused() async throws {
        for realm in ["http://auth.example.com/token", "http://127.0.0.1.example.com/token", "ftp://127.0.0.1/token"] {
            try await withTokens(Script(challenge: { _ in #"Bearer realm="\#(realm)""# })) { fixture in
                try await fixture.expectFailure(.insecureRedirect)
                #expect(fixture.server.requests.count == 1)
            }
        }
        for header in [#"Bearer service="x""#, #"Bearer realm="""#, #"Bearer realm="/token""#] {
            try await withTokens(Script(challenge: { _ in header })) { try await $0.expectFailure(.protocolViolation) }
        }
        for header in ["", "Digest realm=\"x\"", "Basic realm=\"x\""] {
            try await withTokens(Script(challenge: { _ in header })) { try await $0.expectFailure(.unauthorized) }
        }
    }
}
