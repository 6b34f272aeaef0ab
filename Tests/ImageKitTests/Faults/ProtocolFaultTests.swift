import ImageKit
import NIOCore
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Servers that speak something else, and full disks", .serialized)
struct ProtocolFaultTests {
    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ]) func noHTTP(text: String) async throws {
        try await withPullFixture { fixture in
            fixture.override(PullFixture.manifestPath, ScriptedServer.Answer(raw: Array(text.utf8)))
            try await fixture.expectFailure(.protocolViolation)
        }
    }

    @Test(.needsPrograms("openssl", "docker-registry", "htpasswd")) func certificatesOfOthers() async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("tls")
            let registry = try DockerRegistry(.init(tls: true), in: cleanup)
            let other = directory.appending("other.pem")
            try Command.run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout",
                directory.appending("key.pem").string, "-out", other.string)
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, directory, trustRoot: Files.read(other))
            let start = ContinuousClock.now
            let reference = try Reference("\(registry.address)/team/app:1")
            await #expect {
                try await fixture.puller.pull(reference)
            } throws: { error in
                (error as? ImageError)?.code == .unreachable && "\(error)".contains(registry.address)
            }
            // A plain server where TLS is expected.
            try await fixture.expectFailure(.unreachable, naming: fixture.server.address)
            #expect(fixture.server.requests.isEmpty)
            #expect(ContinuousClock.now - start < .seconds(10))
        }
    }

    @Test(.needsRoot, .tags(.privileged), .leakChecked) func fullDisk() async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("full")
            try Command.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", directory.string)
            // A closure that ran on another thread may hold the store's descriptors a moment longer.
            let script = #"for try in $(seq 50); do umount "$0" 2> /dev/null && exit; sleep 0.1; done; exec umount "$0""#
            cleanup.add { try Command.run("sh", "-c", script, directory.string) }
            let fixture = try await PullFixture.make(.standard, .init(), cleanup, directory)
            let layer = fixture.image.layers[1]
            try await fixture.expectFailure(.storageFull, naming: ScriptedImage.digest(layer), missing: layer)
            // Once there is room it works.
            try Command.run("mount", "-o", "remount,size=8m", directory.string)
            try await fixture.pull()
        }
    }

    @Test func dockerTypes() async throws {
        let list = "application/vnd.docker.distribution.manifest.list.v2+json"
        let type = "application/vnd.docker.distribution.manifest.v2+json"
        try await withPullFixture { fixture in
            let manifest = Array(
                String(decoding: fixture.image.manifest, as: UTF8.self)
                    .replacing(ScriptedImage.manifestType, with: type)
                    .replacing("application/vnd.oci.image.config.v1+json", with: "application/vnd.docker.container.image.v1+json")
                    .replacing("application/vnd.oci.image.layer.v1.tar", with: "application/vnd.docker.image.rootfs.diff.tar")
                    .utf8)
            let entry = ScriptedImage.descriptor(type, manifest, ScriptedImage.platform(TestImage.hostArchitecture))
            let index = Array(#"{"schemaVersion":2,"mediaType":"\#(list)","manifests":[\#(entry)]}"#.utf8)
            fixture.publish(manifest, type: type)
            fixture.publish(index, type: list, tag: "1")
            let image = try await fixture.pull().image
            #expect(image.manifest.mediaType == .dockerManifest)
            #expect(image.digest.description == ScriptedImage.digest(index))
            #expect(try fixture.store.image(fixture.reference) == image)
        }
    }

    /// What a pull found in the store must not be collected before the image has its name.
    @Test func garbageCollectionDuringAPull() async throws {
        try await withPullFixture(limits: .init(idleLimit: .seconds(30))) { fixture in
            let reference = try fixture.reference
            try await fixture.pull()
            try fixture.store.removeName(reference)
            let slow = fixture.image.layers[1]
            // It has to come anew, the rest is found.
            try Command.run("rm", fixture.store.path.appending("blobs/sha256/\(TestImage.hex(slow))").string)
            var answer = ScriptedServer.Answer(body: slow)
            answer.delay = .milliseconds(1000)
            fixture.override(PullFixture.blobPath(slow), answer)
            let puller = fixture.puller
            let pull = Task { try await puller.pull(reference).image }
            while fixture.server.requests(to: PullFixture.blobPath(slow)).count < 2 { try await Task.sleep(for: .milliseconds(10)) }
            try await Task.sleep(for: .milliseconds(200))
            // The manifest: it comes with each pull.
            let removed = try fixture.store.collectGarbage()
            #expect(removed.blobs == 1)
            #expect(try await pull.value == fixture.store.image(reference))
            #expect(fixture.server.requests(to: PullFixture.blobPath(fixture.image.layers[0])).count == 1)
        }
    }
}
