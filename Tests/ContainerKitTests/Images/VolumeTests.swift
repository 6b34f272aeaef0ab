import CLinux
import ContainerKit
import Glibc
import TestSupport
import Testing

/// What an image declares as volumes, by Docker's rule: a directory of its own, filled with what the image has there.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct VolumeTests {
    private func image(_ fixture: EngineFixture, volumes: [String] = ["/data", "/data/", "/new/place"]) async throws -> Image {
        var image = try TestImage.busybox()
        var layer = TarArchive()
        layer.directory("data", mode: 0o750, owner: 1000, group: 100)
        layer.file("data/file", Array("below".utf8), mode: 0o600, owner: 1000, group: 100)
        layer.directory("data/sub", mode: 0o2711, owner: 7, group: 8)
        layer.symbolicLink("data/sub/link", to: "../file")
        var upper = TarArchive()
        upper.file("data/.wh.gone")
        upper.file("data/above", Array("above".utf8))
        var lower = TarArchive()
        lower.directory("data")
        lower.file("data/gone")
        image.layers += [lower.finished(), layer.finished(), upper.finished()]
        image.volumes = volumes
        return try await fixture.image(image)
    }

    private static let look = """
        stat -c '%u:%g %a' /data /data/file /data/sub; cat /data/file /data/sub/link /data/above; echo
        ls /data /new/place; grep -cE ' /(data|new/place) ' /proc/self/mountinfo
        """

    @Test func copiedWithItsOwners() async throws {
        try await EngineFixture.with { fixture in
            let image = try await image(fixture)
            let result = try await fixture.engine.run(image, ["sh", "-c", Self.look])
            #expect(result.standardError == "")
            #expect(
                result.standardOutput
                    == "1000:100 750\n1000:100 600\n7:8 2711\nbelowbelowabove\n/data:\nabove\nfile\nsub\n\n/new/place:\n2\n")
            // Each container has volumes of its own, and nothing is left of them.
            _ = try await fixture.engine.run(image, ["sh", "-c", "echo changed > /data/file"])
            #expect(try await fixture.engine.run(image, ["cat", "/data/file"]).standardOutput == "below")
            #expect(Files.names(in: fixture.base.appending("root/containers")) == [])
        }
    }

    @Test func writableWhereTheRootIsNot() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(
                image(fixture), ["sh", "-c", "echo x > /new/place/file && cat /new/place/file; echo x > /file || echo refused"]
            ) { $0.readOnlyRoot = true }
            #expect(result.standardOutput == "x\nrefused\n")
        }
    }

    /// A container that is started again finds what it has written, also that it has removed what the image had.
    @Test func keptOverARestart() async throws {
        try await EngineFixture.with { fixture in
            let script = "ls /data /new/place; rm -rf /data/*; echo x >> /new/place/count; exit 0"
            var container = try await fixture.engine.start(image(fixture)) {
                $0.command = ["sh", "-c", script]
                $0.life = .durable
                $0.output = .file(fixture.base.appending("output"))
            }
            #expect(try await container.wait() == .exited(0))
            for _ in 0..<2 {
                container = try await fixture.engine.restart(container)
                #expect(try await container.wait() == .exited(0))
            }
            let output = try Files.text(fixture.base.appending("output"))
            let later = "/data:\n\n/new/place:\ncount\n"
            #expect(output == "/data:\nabove\nfile\nsub\n\n/new/place:\n" + later + later)
            try await container.delete()
        }
    }

    /// Capabilities of files, other extended attributes, names that are no UTF-8; a directory that nobody may enter stays as it is.
    @Test func copiedWithItsAttributes() async throws {
        let capability: [UInt8] = [1, 0, 0, 2, 0, 4, 0, 0] + [UInt8](repeating: 0, count: 12)
        var layer = TarArchive()
        layer.directory("data", mode: 0)
        layer.file("data/tool", [1], mode: 0o755, attributes: ["security.capability": capability, "trusted.note": [7]])
        layer.directory("data/sub")
        var image = try TestImage.busybox()
        image.layers.append(layer.finished())
        image.volumes = ["/data"]
        try await EngineFixture.with { fixture in
            let image = try await fixture.image(image)
            var container = try await fixture.engine.start(image) {
                $0.command = ["sh", "-c", "stat -c %a /data; touch /data/$(printf 'by-\\377') && ls /data | wc -l"]
                $0.life = .durable
                $0.output = .file(fixture.base.appending("output"))
            }
            #expect(try await container.wait() == .exited(0))
            let volume = fixture.base.appending("root/containers/\(container.id)/volumes/0")
            #expect(Self.attribute("security.capability", of: volume.appending("tool")) == capability)
            #expect(Self.attribute("trusted.note", of: volume.appending("tool")) == [7])
            container = try await fixture.engine.restart(container)
            #expect(try await container.wait() == .exited(0))
            #expect(try Files.text(fixture.base.appending("output")) == "0\n3\n0\n3\n")
            try await container.delete()
        }
    }

    private static func attribute(_ name: String, of path: FilePath) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 256)
        let count = lgetxattr(path.string, name, &value, value.count)
        return count < 0 ? nil : Array(value.prefix(count))
    }

    /// What the user mounts wins.
    @Test func mountedOver() async throws {
        try await EngineFixture.with { fixture in
            let result = try await fixture.engine.run(image(fixture), ["sh", "-c", "ls /data; echo x > /data/file"]) {
                $0.mounts = [.temporary("/data/")]
            }
            #expect(result.standardOutput == "")
            #expect(result.status == .exited(0))
        }
    }

    @Test(arguments: ["/", "relative", "/a/../b", "/proc", "/dev/shm"]) func refused(_ path: String) async throws {
        try await EngineFixture.with { fixture in
            let image = try await image(fixture, volumes: [path])
            let error = await #expect(throws: ContainerError.self) { try await fixture.engine.run(image, ["true"]) }
            #expect(error?.code == .configurationRefused)
            #expect(error?.subject == .option("volumes"))
        }
    }
}
