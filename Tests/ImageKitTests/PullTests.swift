import ImageKit
import Logging
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Pulling from Debian's registry", .serialized, .needsPrograms("docker-registry", "skopeo"))
struct PullTests {
    /// Pulls an image and compares the store with what was pushed.
    private func pull(
        _ options: DockerRegistry.Options,
        _ configure: @escaping @Sendable (DockerRegistry, inout RegistryConfiguration) throws -> Void = { _, _ in }
    ) async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("pull")
            let registry = try DockerRegistry(options, in: cleanup)
            let written = try TestImage.busybox(["/bin/true"]).write(layout: directory.appending("layout"), tag: "test")
            let name = try registry.push(written, as: "library/x", tag: "1")
            var configuration = RegistryConfiguration()
            configuration.credentials = .none
            try configure(registry, &configuration)
            let client = try RegistryClient(configuration, logger: Logger(label: "test"))
            cleanup.add { try await client.shutdown() }
            let store = try ContentStore(at: directory.appending("content"), durability: .none)
            let puller = ImagePuller(store: store, client: client)
            let reference = try Reference(name)
            let ((image, timings), events) = try await collectingEvents { try await puller.pull(reference, progress: $0) }
            #expect(image.manifest.layers.count == written.layers.count)
            #expect(image.configuration.rootfs.diffIDs.map(\.description) == written.diffIDs)
            #expect(timings.downloadedBytes > .bytes(0))
            #expect(events.first == .resolving(reference))
            #expect(events.last == .done(image.digest))
            // A second pull asks, and downloads nothing.
            let again = try await puller.pull(reference, policy: .always)
            #expect(again.image == image)
            #expect(again.timings.downloadedBytes == .bytes(0))
            // Without a registry the name is found in the store.
            registry.stop()
            #expect(try await puller.pull(reference, policy: .never).image == image)
            #expect(try store.names().map(\.reference) == [reference])
            #expect(Files.names(in: directory.appending("content/ingest")) == [])
        }
    }

    @Test func plainHTTP() async throws { try await pull(.init()) }

    @Test func tlsWithItsOwnAuthority() async throws {
        try await pull(.init(tls: true)) { registry, configuration in
            let certificate = try #require(registry.certificate)
            configuration.additionalTrustRoots = [try Files.read(certificate)]
        }
    }

    @Test func passwords() async throws {
        try await pull(.init(credentials: ("ada", "lovelace"))) { registry, configuration in
            configuration.credentials = .fixed([registry.address: RegistryCredentials(username: "ada", password: "lovelace")])
        }
    }
}
