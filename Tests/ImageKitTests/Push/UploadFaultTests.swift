import ImageKit
import Logging
import NIOHTTP1
import OCIModel
import Synchronization
import TestSupport
import Testing

@testable import ImageKit

@Suite("Uploads that go wrong", .serialized) struct UploadFaultTests {
    typealias Answer = ScriptedServer.Answer
    typealias Request = ScriptedServer.Request

    /// What the registry answers first.
    private struct Script: Sendable {
        var answer: @Sendable (Request) -> Answer?
        init(_ answer: @escaping @Sendable (Request) -> Answer?) { self.answer = answer }
    }

    /// A registry that takes everything, unless `script` answers first; and a store with an image for it.
    private func withUploads(
        _ script: Script = Script { _ in nil }, credentials: RegistryCredentials? = nil,
        _ body: (PullFixture, ImagePusher) async throws -> Void
    ) async throws {
        try await withCleanup { cleanup in
            let fixture = try await PullFixture.make(
                ScriptedImage(layers: [3000]), .init(), cleanup, try cleanup.directory("upload"), credentials: credentials)
            try await fixture.pull()
            fixture.override(all: { request in
                if let answer = script.answer(request) { return answer }
                switch request.method {
                case "HEAD": return .status(404)
                case "POST": return .status(202, [("Location", PullFixture.path("blobs/uploads/1?state=a"))])
                case "PATCH": return .status(202, [("Location", PullFixture.path("blobs/uploads/2?state=b"))])
                case "PUT": return .status(201)
                default: return nil
                }
            })
            var configuration = RegistryConfiguration()
            configuration.credentials = credentials.map { .fixed([fixture.server.address: $0]) } ?? .none
            configuration.hostsDirectories = []
            configuration.retries = 1
            configuration.idleLimit = .seconds(2)
            configuration.longestRetryDelay = .milliseconds(20)
            let client = try RegistryClient(configuration, logger: .init(label: "test"))
            cleanup.add { try await client.shutdown() }
            try await body(fixture, ImagePusher(client: client))
        }
    }

    private func push(_ fixture: PullFixture, _ pusher: ImagePusher) async throws -> ImageError? {
        let reference = try fixture.reference
        do throws(ImageError) { _ = try await pusher.push(reference, of: fixture.store) } catch { return error }
        return nil
    }

    /// What goes over the wire: whole blobs, then the manifest.
    @Test func requests() async throws {
        try await withUploads { fixture, pusher in
            let failure = try await push(fixture, pusher)
            #expect(failure == nil)
            let puts = fixture.server.requests.filter { $0.method == "PUT" }
            let blobs = puts.filter { $0.path.contains("blobs") }
            #expect(Set(blobs.map(\.body)) == [fixture.image.layers[0], fixture.image.configuration])
            for put in blobs {
                #expect(put.uri.contains("state=a&digest=\(ScriptedImage.digest(put.body))"))
                #expect(put.headers.first(name: "Content-Length") == "\(put.body.count)")
            }
            #expect(puts.last?.path == PullFixture.manifestPath)
            #expect(puts.last?.body == fixture.image.manifest)
            #expect(puts.last?.headers.first(name: "Content-Type") == ScriptedImage.manifestType)
        }
    }

    @Test func pieces() async throws {
        try await withUploads { fixture, pusher in
            var pusher = pusher
            pusher.uploadChunk = .bytes(1000)
            let failure = try await push(fixture, pusher)
            #expect(failure == nil)
            let patches = fixture.server.requests.filter { $0.method == "PATCH" && $0.body.count == 1000 }
            #expect(patches.map { $0.headers.first(name: "Content-Range") } == ["0-999", "1000-1999", "2000-2999"])
            #expect(patches.flatMap(\.body) == fixture.image.layers[0])
        }
    }

    /// A broken connection: sent once more, from the first byte.
    @Test func brokenUpload() async throws {
        let first = OnceFlag()
        try await withUploads(
            Script { request in
                request.method == "PUT" && request.path.contains("blobs") && first.take() ? .status(503) : nil
            }
        ) { fixture, pusher in
            let failure = try await push(fixture, pusher)
            #expect(failure == nil)
            let layer = fixture.server.requests.filter { $0.method == "PUT" && $0.path.contains("blobs") }
            #expect(layer.count == 3)
        }
    }

    /// An upload may go on at another host; the credentials do not.
    @Test func locationElsewhere() async throws {
        try await withCleanup { cleanup in
            let other = try await ScriptedServer()
            cleanup.add { await other.stop() }
            other.answer { _ in .status(201) }
            let address = other.address
            try await withUploads(
                Script { request in
                    if request.authorization == nil { return .status(401, [("WWW-Authenticate", #"Basic realm="r""#)]) }
                    return request.method == "POST" ? .status(202, [("Location", "http://\(address)/upload")]) : nil
                }, credentials: RegistryCredentials(username: "ada", password: "lovelace")
            ) { fixture, pusher in
                fixture.server.answer { fixture.respond($0) }
                let failure = try await push(fixture, pusher)
                #expect(failure == nil)
                #expect(other.requests.count == 2)
                #expect(other.requests.allSatisfy { $0.authorization == nil && $0.path == "/upload" })
            }
        }
    }

    static let faults: [(String, Int, [(String, String)], ImageError.Code)] = [
        ("POST", 202, [], .protocolViolation), ("POST", 202, [("Location", "http://registry.example/x")], .insecureRedirect),
        ("POST", 202, [("Location", "ftp://127.0.0.1/x")], .insecureRedirect), ("POST", 403, [], .forbidden),
        ("PUT", 400, [], .serverFailed),
        ("PUT", 301, [("Location", "/x")], .protocolViolation), ("PUT", 413, [], .serverFailed),
    ]

    @Test(arguments: faults) func refused(_ method: String, _ status: Int, _ headers: [(String, String)], _ code: ImageError.Code)
        async throws
    {
        try await withUploads(Script { $0.method == method ? .status(status, headers) : nil }) { fixture, pusher in
            let failure = try await push(fixture, pusher)
            #expect(failure?.code == code, "\(failure.map { "\($0)" } ?? "none")")
        }
    }

    @Test func theRegistrysOwnWords() async throws {
        try await withUploads(
            Script { request in
                request.method == "PUT" && request.path.contains("manifests")
                    ? Answer(status: 400, body: Array(#"{"errors":[{"code":"MANIFEST_INVALID","message":"no\u001b[31m thanks"}]}"#.utf8))
                    : nil
            }
        ) { fixture, pusher in
            let failure = try await push(fixture, pusher)
            #expect(failure?.description.contains("MANIFEST_INVALID: no[31m thanks") == true)
        }
    }

    /// A registry that took another manifest than the one that was sent.
    @Test func anotherDigest() async throws {
        try await withUploads(
            Script { request in
                request.path.contains("manifests") && request.method == "PUT"
                    ? .status(201, [("Docker-Content-Digest", "sha256:" + String(repeating: "0", count: 64))]) : nil
            }
        ) { fixture, pusher in
            let failure = try await push(fixture, pusher)
            #expect(failure?.code == .digestMismatch)
        }
    }

    @Test func endlessTagList() async throws {
        try await withUploads(
            Script { request in
                request.path.hasSuffix("tags/list")
                    ? .json(#"{"tags":[]}"#, [("Link", "<\(PullFixture.path("tags/list"))?last=a>; rel=\"next\"")]) : nil
            }
        ) { fixture, pusher in
            let client = try RegistryClient(.init(), logger: .init(label: "test"))
            await #expect { try await client.tags(of: fixture.reference) } throws: { ($0 as? ImageError)?.code == .protocolViolation }
            try await client.shutdown()
        }
    }

    @Test(arguments: [
        (#"</v2/a/tags/list?n=2>; rel="next""#, "/v2/a/tags/list?n=2"), ("</a>; rel=next", "/a"),
        (#"</b>; rel="prev", </a>; rel="next""#, "/a"),
        (#"</a>; rel="prev""#, nil), ("a; rel=next", nil), ("", nil),
    ]) func links(header: String, expected: String?) { #expect(RegistryClient.nextPage(header) == expected) }
}
