import ImageKit
import Logging
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Pushing to Debian's registry", .serialized, .needsPrograms("docker-registry", "skopeo"))
struct PushTests {
    private struct Fixture {
        var registry: DockerRegistry
        var store: ContentStore
        var client: RegistryClient
        var directory: FilePath
        var name: Reference
        var pusher: ImagePusher { ImagePusher(client: client) }
    }

    /// A store with one image, and a registry.
    private func withRegistry(
        _ options: DockerRegistry.Options = .init(),
        _ configure: (DockerRegistry, inout RegistryConfiguration) throws -> Void = { _, _ in },
        _ body: (Fixture) async throws -> Void
    ) async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("push")
            let registry = try DockerRegistry(options, in: cleanup)
            var configuration = RegistryConfiguration()
            configuration.credentials = .none
            configuration.hostsDirectories = []
            try configure(registry, &configuration)
            let client = try RegistryClient(configuration, logger: Logger(label: "test"))
            cleanup.add { try await client.shutdown() }
            let store = try ContentStore(at: directory.appending("content"), durability: .none)
            let layout = try TestImage.busybox(["/bin/true"]).write(layout: directory.appending("layout"), tag: "test").layout
            let name = try Reference("\(registry.address)/team/app:1")
            _ = try store.importLayout(layout, tag: "test", as: name)
            try await body(Fixture(registry: registry, store: store, client: client, directory: directory, name: name))
        }
    }

    /// How each blob of a push ends.
    private func states(_ push: @Sendable (TransferEvents) async throws -> Descriptor) async throws -> [TransferProgress.BlobState] {
        try await collectingEvents(push).events.compactMap {
            if case .blob(_, let state) = $0, state.isFinal { state } else { nil }
        }
    }

    private func roundTrip(
        _ options: DockerRegistry.Options = .init(), chunk: ByteCount? = nil, skopeo: [String] = ["--src-tls-verify=false"],
        _ configure: (DockerRegistry, inout RegistryConfiguration) throws -> Void = { _, _ in }
    ) async throws {
        try await withRegistry(options, configure) { fixture in
            var pusher = fixture.pusher
            pusher.uploadChunk = chunk
            let pushed = try await pusher.push(fixture.name, of: fixture.store)
            // skopeo reads what was pushed, with the same digest.
            let out = fixture.directory.appending("out")
            try Command.run("mkdir", out.string)
            let result = try Command(
                ["skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests"] + skopeo
                    + ["docker://\(fixture.name)", "oci:\(out):x"]
            ).run()
            #expect(result.status == 0, "\(result.standardError)")
            #expect(Files.exists(out.appending("blobs/sha256/\(pushed.digest.hex)")))
            // And so do we, into another store.
            let second = try ContentStore(at: fixture.directory.appending("second"), durability: .none)
            let image = try await ImagePuller(store: second, client: fixture.client).pull(fixture.name).image
            #expect(image.digest == pushed.digest)
            // A second push sends nothing.
            let (sender, name, store) = (fixture.pusher, fixture.name, fixture.store)
            let again = try await states { try await sender.push(name, of: store, progress: $0) }
            #expect(again.allSatisfy { $0 == .alreadyPresent })
        }
    }

    @Test func plainHTTP() async throws { try await roundTrip() }
    @Test func inPieces() async throws { try await roundTrip(chunk: .kibibytes(300)) }

    @Test func tlsWithItsOwnAuthority() async throws {
        try await roundTrip(.init(tls: true)) { registry, configuration in
            configuration.additionalTrustRoots = [try Files.read(try #require(registry.certificate))]
        }
    }

    /// The authority from Docker's certs.d.
    @Test func certificatesDirectory() async throws {
        try await roundTrip(.init(tls: true)) { registry, configuration in
            let directory = try #require(registry.certificate).removingLastComponent().appending("certs.d")
            try TestDirectory.create(directory)
            try TestDirectory.create(directory.appending(registry.address))
            try Command.run("cp", try #require(registry.certificate).string, directory.appending("\(registry.address)/ca.crt").string)
            configuration.hostsDirectories = [directory]
        }
    }

    @Test func passwords() async throws {
        try await roundTrip(.init(credentials: ("ada", "lovelace")), skopeo: ["--src-tls-verify=false", "--src-creds=ada:lovelace"]) {
            registry, configuration in
            configuration.credentials = .fixed([registry.address: RegistryCredentials(username: "ada", password: "lovelace")])
        }
    }

    @Test func login() async throws {
        for (password, isRight) in [("lovelace", true), ("wrong", false)] {
            try await withRegistry(.init(credentials: ("ada", "lovelace"))) { registry, configuration in
                configuration.credentials = .fixed([registry.address: RegistryCredentials(username: "ada", password: password)])
            } _: { fixture in
                do throws(ImageError) {
                    try await fixture.client.checkCredentials(fixture.registry.address)
                    #expect(isRight)
                } catch {
                    #expect(!isRight)
                    #expect(error.code == .unauthorized)
                }
            }
        }
    }

    /// Blobs of another repository of the registry are taken over from there.
    @Test func mount() async throws {
        try await withRegistry { fixture in
            try await fixture.pusher.push(fixture.name, of: fixture.store)
            let other = try Reference("\(fixture.registry.address)/other/app:1")
            let (pusher, name, store) = (fixture.pusher, fixture.name, fixture.store)
            let ends = try await states { try await pusher.push(name, of: store, to: other, progress: $0) }
            #expect(ends.count == 2)
            #expect(ends.allSatisfy { $0 == .mounted })
            let second = try ContentStore(at: fixture.directory.appending("second"), durability: .none)
            _ = try await ImagePuller(store: second, client: fixture.client).pull(other)
        }
    }

    @Test func tagsPagesAndDeletion() async throws {
        try await withRegistry { fixture in
            var pushed: Descriptor?
            for tag in ["a", "b", "c", "d", "e"] {
                pushed = try await fixture.pusher.push(
                    fixture.name, of: fixture.store, to: Reference("\(fixture.registry.address)/team/app:\(tag)"))
            }
            let all = try await fixture.client.tags(of: fixture.name)
            #expect(all.sorted() == ["a", "b", "c", "d", "e"])
            let paged = try await fixture.client.tags(of: fixture.name, pageSize: 2)
            #expect(paged.sorted() == ["a", "b", "c", "d", "e"])
            let digest = try #require(pushed).digest
            let pinned = try Reference(registry: fixture.name.registry, repository: fixture.name.repository, digest: digest)
            let found = try await fixture.client.descriptor(of: pinned)
            #expect(found.digest == digest)
            #expect(found.size == pushed?.size)
            try await fixture.client.delete(pinned)
            await #expect { try await fixture.client.delete(pinned) } throws: { ($0 as? ImageError)?.code == .notFound }
            await #expect { try await fixture.client.descriptor(of: pinned) } throws: { ($0 as? ImageError)?.code == .notFound }
            await #expect {
                try await fixture.client.tags(of: Reference("\(fixture.registry.address)/none/there:1"))
            } throws: { ($0 as? ImageError)?.code == .notFound }
        }
    }

    /// Debian's registry does not know the referrers API: the index under the tag of the digest takes its place.
    @Test func artifactsAndReferrers() async throws {
        try await withRegistry { fixture in
            let image = try await fixture.pusher.push(fixture.name, of: fixture.store)
            var artifact = Artifact(type: MediaType(rawValue: "application/spdx+json"))
            artifact.files = [
                .init(Array(#"{"spdx":1}"#.utf8), mediaType: MediaType(rawValue: "application/json"), annotations: ["a": "b"])
            ]
            artifact.subject = image
            artifact.annotations = ["org.opencontainers.image.created": "1970-01-01T00:00:00Z"]
            let repository = try Reference(registry: fixture.name.registry, repository: fixture.name.repository, digest: image.digest)
            let first = try await fixture.pusher.push(artifact, to: repository)
            artifact.type = MediaType(rawValue: "application/x-signature")
            let second = try await fixture.pusher.push(artifact, to: Reference("\(fixture.registry.address)/team/app:signature"))
            let all = try await fixture.client.referrers(of: image.digest, in: fixture.name)
            #expect(Set(all.map(\.digest)) == [first.digest, second.digest])
            let one = try await fixture.client.referrers(of: image.digest, in: fixture.name, artifactType: artifact.type)
            #expect(one.map(\.digest) == [second.digest])
            #expect(one.first?.annotations == artifact.annotations)
            let back = try await fixture.pusher.artifact(Reference("\(fixture.registry.address)/team/app:signature"))
            #expect(back == artifact)
            #expect(try await fixture.client.referrers(of: first.digest, in: fixture.name).isEmpty)
            // As an image it is refused.
            await #expect {
                try await ImagePuller(store: fixture.store, client: fixture.client).pull(
                    Reference("\(fixture.registry.address)/team/app:signature"))
            } throws: { ($0 as? ImageError)?.code == .unsupportedMediaType }
        }
    }

    @Test func whatTheStoreDoesNotHave() async throws {
        try await withRegistry { fixture in
            await #expect {
                try await fixture.pusher.push(Reference("\(fixture.registry.address)/team/none:1"), of: fixture.store)
            } throws: { ($0 as? ImageError)?.code == .notInStore }
        }
    }
}
