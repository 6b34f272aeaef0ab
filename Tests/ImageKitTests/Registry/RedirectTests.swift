import ImageKit
import NIOHTTP1
import OCIModel
import TestSupport
import Testing

@Suite("Redirects of a registry", .serialized)
struct RedirectTests {
    private let password = RegistryCredentials(username: "ada", password: "lovelace")

    /// A registry that wants a password, and a second server.
    private func withTwo(_ body: (PullFixture, ScriptedServer) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let other = try await ScriptedServer()
            cleanup.add { await other.stop() }
            let directory = try cleanup.directory("two")
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, directory, credentials: password)
            fixture.override(all: { request in
                request.authorization == nil ? .status(401, [("WWW-Authenticate", #"Basic realm="r""#)]) : nil
            })
            try await body(fixture, other)
        }
    }

    @Test func credentialsStayAtHome() async throws {
        try await withTwo { fixture, other in
            let layer = fixture.image.layers[1]
            let path = PullFixture.blobPath(layer)
            fixture.override(path) { $0.authorization == nil ? nil : .redirect(to: "http://\(other.address)/cdn/blob?sig=1") }
            other.answer { _ in ScriptedServer.Answer(body: layer) }
            try await fixture.pull()
            let request = try #require(other.requests.first)
            #expect(other.requests.count == 1)
            #expect(request.uri == "/cdn/blob?sig=1")
            #expect(Set(request.headers.map { $0.name.lowercased() }) == ["host", "user-agent", "accept-encoding"])
            #expect(request.headers["Host"] == [other.address])
            // The registry itself saw them.
            #expect(fixture.server.requests(to: path).contains { $0.authorization == "Basic YWRhOmxvdmVsYWNl" })
        }
    }

    @Test func credentialsFollowWithinTheRegistry() async throws {
        try await withPullFixture { fixture in
            let layer = fixture.image.layers[0]
            fixture.override(PullFixture.blobPath(layer), .redirect(to: "/elsewhere", 302))
            fixture.override("/elsewhere", ScriptedServer.Answer(body: layer))
            try await fixture.pull()
        }
    }

    /// Where a redirect led may not ask for the registry's credentials, whatever challenge it sends.
    @Test func challengesFromElsewhereAreNotAnswered() async throws {
        for challenge in [#"Basic realm="r""#, nil] {
            try await withTwo { fixture, other in
                let layer = fixture.image.layers[1]
                fixture.override(PullFixture.blobPath(layer)) {
                    $0.authorization == nil ? nil : .redirect(to: "http://\(other.address)/blob")
                }
                let address = other.address
                other.answer { _ in .status(401, [("WWW-Authenticate", challenge ?? #"Bearer realm="http://\#(address)/token""#)]) }
                try await fixture.expectFailure(.unauthorized, naming: ScriptedImage.digest(layer), missing: layer)
                #expect(!other.requests.isEmpty)
                for request in other.requests {
                    #expect(request.authorization == nil)
                    #expect(request.path == "/blob")
                }
            }
        }
    }

    /// Credentials that were dropped on the way out do not come back with a redirect back.
    @Test func thereAndBackAgain() async throws {
        try await withTwo { fixture, other in
            let layer = fixture.image.layers[1]
            fixture.override(PullFixture.blobPath(layer)) { $0.authorization == nil ? nil : .redirect(to: "http://\(other.address)/") }
            let home = fixture.server.address
            other.answer { _ in .redirect(to: "http://\(home)/back") }
            fixture.override("/back", ScriptedServer.Answer(body: layer))
            try await fixture.pull()
            #expect(fixture.server.requests(to: "/back").map(\.authorization) == [nil])
        }
    }

    @Test func loops() async throws {
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, .redirect(to: PullFixture.manifestPath, 301))
            try await fixture.expectFailure(.tooManyRedirects)
            #expect(fixture.server.requests.count == 6)
        }
    }

    @Test(arguments: ["http://registry.example.com/x", "ftp://127.0.0.1/x"]) func insecure(target: String) async throws {
        try await withPullFixture { fixture in
            let layer = fixture.image.layers[0]
            fixture.override(PullFixture.blobPath(layer), .redirect(to: target))
            try await fixture.expectFailure(.insecureRedirect, naming: ScriptedImage.digest(layer), missing: layer)
        }
    }

    @Test func withoutALocation() async throws {
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, .status(307))
            try await fixture.expectFailure(.protocolViolation)
        }
    }
}
