import ImageKit
import Logging
import NIOHTTP1
import OCIModel
import TestSupport
import Testing

@Suite("Mirrors", .serialized) struct MirrorTests {
    /// A mirror that has the image before a registry that has it too.
    private func withMirror(_ body: (PullFixture, ScriptedServer) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let mirror = try await ScriptedServer()
            cleanup.add { await mirror.stop() }
            let address = mirror.address
            var limits = PullFixture.Limits(retries: 0)
            limits.change = { configuration in
                var host = RegistryHost("http://\(address)")
                host.headers = ["X-Team": "a"]
                configuration.policies["127.0.0.1:1"] = RegistryPolicy(mirrors: [host])
            }
            let fixture = try await PullFixture.make(.standard, limits, cleanup, try cleanup.directory("mirror"))
            try await body(fixture, mirror)
        }
    }

    /// The registry itself does not exist here: everything comes from the mirror.
    @Test func theMirrorIsAsked() async throws {
        try await withMirror { fixture, mirror in
            mirror.answer { fixture.respond($0) }
            _ = try await fixture.puller.pull(Reference("127.0.0.1:1/\(PullFixture.repository):1"))
            #expect(mirror.requests.count == 4)
            #expect(mirror.requests.allSatisfy { $0.uri.hasSuffix("?ns=127.0.0.1:1") && $0.headers.first(name: "X-Team") == "a" })
            #expect(fixture.server.requests.isEmpty)
        }
    }

    /// What a mirror does not have, or has wrong, comes from the registry, and its lies change nothing.
    @Test(arguments: [404, 500, 401, 200]) func theRegistryIsAskedNext(status: Int) async throws {
        try await withCleanup { cleanup in
            let mirror = try await ScriptedServer()
            cleanup.add { await mirror.stop() }
            mirror.answer { _ in ScriptedServer.Answer(status: status, body: [1, 2, 3]) }
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, try cleanup.directory("mirror"))
            let address = mirror.address
            let own = fixture.server.address
            var configuration = RegistryConfiguration()
            configuration.retries = 0
            configuration.hostsDirectories = []
            configuration.policies[own] = RegistryPolicy(mirrors: [RegistryHost("http://\(address)")])
            let client = try RegistryClient(configuration, logger: .init(label: "test"))
            cleanup.add { try await client.shutdown() }
            _ = try await ImagePuller(store: fixture.store, client: client).pull(fixture.reference)
            #expect(!mirror.requests.isEmpty)
            #expect(fixture.server.requests.count >= 4)
        }
    }

    @Test func onlyForContentByDigest() async throws {
        try await withCleanup { cleanup in
            let mirror = try await ScriptedServer()
            cleanup.add { await mirror.stop() }
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, try cleanup.directory("mirror"))
            mirror.answer { fixture.respond($0) }
            var host = RegistryHost("http://\(mirror.address)")
            host.capabilities = [.pull]
            var configuration = RegistryConfiguration()
            configuration.hostsDirectories = []
            configuration.policies[fixture.server.address] = RegistryPolicy(mirrors: [host])
            let client = try RegistryClient(configuration, logger: .init(label: "test"))
            cleanup.add { try await client.shutdown() }
            _ = try await ImagePuller(store: fixture.store, client: client).pull(fixture.reference)
            #expect(fixture.server.requests.map(\.path) == [PullFixture.manifestPath])
            #expect(mirror.requests.count == 3)
        }
    }
}
