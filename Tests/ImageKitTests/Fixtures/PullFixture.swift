import ImageKit
import Logging
import NIOHTTP1
import OCIModel
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A scripted registry, an image in it, and a store to pull into.
final class PullFixture: Sendable {
    let server: ScriptedServer
    let store: ContentStore
    let puller: ImagePuller
    let image: ScriptedImage
    let directory: FilePath
    static let repository = "team/app"

    private let documents = Mutex<[String: ScriptedServer.Answer]>([:])
    private let overrides = Mutex<[String: @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer?]>([:])

    fileprivate init(_ server: ScriptedServer, _ store: ContentStore, _ puller: ImagePuller, _ image: ScriptedImage, _ directory: FilePath)
    {
        self.server = server
        self.store = store
        self.puller = puller
        self.image = image
        self.directory = directory
        publish(image.manifest, tag: "1")
        for blob in image.layers + [image.configuration] { publish(blob: blob) }
        server.answer { [weak self] in self?.respond($0) ?? .status(404) }
    }

    var reference: Reference { get throws { try Reference("\(server.address)/\(Self.repository):1") } }
    static func path(_ rest: String) -> String { "/v2/\(repository)/\(rest)" }
    static func blobPath(_ bytes: [UInt8]) -> String { path("blobs/\(ScriptedImage.digest(bytes))") }
    static let manifestPath = path("manifests/1")

    /// Serves a manifest or index by its digest, and by a tag.
    func publish(_ document: [UInt8], type: String? = ScriptedImage.manifestType, tag: String? = nil) {
        let answer = ScriptedServer.Answer(headers: type.map { [("Content-Type", $0)] } ?? [], body: document)
        documents.withLock {
            $0[Self.path("manifests/\(ScriptedImage.digest(document))")] = answer
            if let tag { $0[Self.path("manifests/\(tag)")] = answer }
        }
    }

    func publish(blob: [UInt8]) { documents.withLock { $0[Self.blobPath(blob)] = ScriptedServer.Answer(body: blob) } }

    /// Answers for one path, before what is published; nil passes on.
    func override(_ path: String, _ answer: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer?) {
        overrides.withLock { $0[path] = answer }
    }

    func override(_ path: String, _ answer: ScriptedServer.Answer) { override(path) { _ in answer } }

    /// Answers for each path that has no answer of its own.
    func override(all answer: @escaping @Sendable (ScriptedServer.Request) -> ScriptedServer.Answer?) { override("", answer) }

    func respond(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        let own = overrides.withLock { ($0[request.path], $0[""]) }
        return own.0?(request) ?? own.1?(request) ?? documents.withLock { $0[request.path] } ?? .status(404)
    }

    @discardableResult
    func pull(_ policy: PullPolicy = .missing) async throws -> (image: Image, timings: PullTimings) {
        try await puller.pull(reference, policy: policy)
    }

    /// A pull fails with this code, within the limit, says which thing it is about, and leaves nothing of the failed blob.
    @discardableResult
    func expectFailure(
        _ code: ImageError.Code, naming text: String? = nil, within limit: Duration = .seconds(5), missing blob: [UInt8]? = nil,
        _ sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> ImageError? {
        let reference = try reference
        let start = ContinuousClock.now
        var failure: ImageError?
        do throws(ImageError) { _ = try await puller.pull(reference) } catch { failure = error }
        let duration = ContinuousClock.now - start
        #expect(failure?.code == code, "\(failure.map(String.init(describing:)) ?? "no failure")", sourceLocation: sourceLocation)
        if let failure {
            let name = text ?? Self.repository
            #expect(failure.description.contains(name), "\(failure) does not name \(name)", sourceLocation: sourceLocation)
        }
        #expect(duration < limit, sourceLocation: sourceLocation)
        try expectNothingLeft(missing: blob, sourceLocation)
        return failure
    }

    func expectNothingLeft(missing blob: [UInt8]? = nil, _ sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(Files.names(in: store.path.appending("ingest")) == [], sourceLocation: sourceLocation)
        #expect(try store.names().isEmpty, sourceLocation: sourceLocation)
        if let blob { #expect(try !store.contains(Digest(ScriptedImage.digest(blob))), sourceLocation: sourceLocation) }
    }
}

extension PullFixture {
    /// Short ones.
    struct Limits: Sendable {
        var idleLimit = Duration.milliseconds(600)
        var retries = 1
        var longestRetryDelay = Duration.milliseconds(20)
        var concurrentDownloads = 3
        var change: @Sendable (inout RegistryConfiguration) -> Void = { _ in }
    }

    /// - Parameter credentials: for this registry.
    static func make(
        _ image: ScriptedImage, _ limits: Limits, _ cleanup: Cleanup, _ directory: FilePath, credentials: RegistryCredentials? = nil,
        trustRoot: [UInt8]? = nil
    ) async throws -> PullFixture {
        let server = try await ScriptedServer()
        cleanup.add { await server.stop() }
        var configuration = RegistryConfiguration()
        configuration.credentials = credentials.map { .fixed([server.address: $0]) } ?? .none
        if let trustRoot { configuration.additionalTrustRoots = [trustRoot] }
        configuration.idleLimit = limits.idleLimit
        configuration.connectLimit = .seconds(1)
        configuration.retries = limits.retries
        configuration.longestRetryDelay = limits.longestRetryDelay
        configuration.concurrentDownloads = limits.concurrentDownloads
        configuration.hostsDirectories = []
        configuration.proxies = .none
        limits.change(&configuration)
        let client = try RegistryClient(configuration, logger: Logger(label: "test"))
        cleanup.add { try await client.shutdown() }
        let store = try ContentStore(at: directory.appending("content"), durability: .none)
        return PullFixture(server, store, ImagePuller(store: store, client: client), image, directory)
    }
}

/// Runs `body` with a registry that serves `image`.
func withPullFixture(
    _ image: ScriptedImage = .standard, limits: PullFixture.Limits = .init(),
    _ body: (PullFixture) async throws -> Void
) async throws {
    try await withCleanup { cleanup in
        let directory = try cleanup.directory("pull")
        try await body(PullFixture.make(image, limits, cleanup, directory))
    }
}

extension ScriptedServer.Request {
    var authorization: String? { headers.first(name: "Authorization") }
}
