import ContainerKit
import TestSupport
import Testing

/// A container's changes become a layer, and the image of it shows what the container saw.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct CommitTests {
    private static let change = """
        cd /srv; rm gone; rm -r dir; mkdir dir; echo new > dir/new; rm kind; mkdir kind; echo in > kind/in
        echo more >> kept; chmod 4755 kept; chown 1000:100 owned; ln kept hard; ln -s kept soft; mkfifo pipe; mknod null c 1 3
        touch -d '2001-02-03 04:05:06' old; mkdir -m 1777 sticky; printf 'x' > 'a name with ä'; echo volume > /data/file; echo done
        """
    private static let look = """
        cd /srv; find . | sort | while read -r name; do stat -c '%n %f %u:%g %t:%T' "$name"; done; stat -c %h hard
        cat kept dir/new kind/in; readlink soft; stat -c '%Y' old; ls /data
        """

    private func image(_ fixture: EngineFixture) async throws -> Image {
        var image = try TestImage.busybox()
        var layer = TarArchive()
        layer.directory("srv")
        for name in ["gone", "kept", "owned", "kind"] { layer.file("srv/\(name)", Array(name.utf8)) }
        layer.directory("srv/dir")
        layer.file("srv/dir/below")
        layer.directory("data")
        image.layers.append(layer.finished())
        image.volumes = ["/data"]
        return try await fixture.image(image)
    }

    /// - Parameter durable: made by one engine, committed by another.
    @Test(.needsPrograms("umoci"), arguments: [false, true]) func whatTheContainerSaw(durable: Bool) async throws {
        try await EngineFixture.with { fixture in
            let engine = fixture.engine
            let base = try await image(fixture)
            var container = try await engine.start(base) {
                $0.name = ContainerID("worker")
                $0.command = ["sh", "-c", Self.change + "; (" + Self.look + ") > /look; touch /ready; exec sleep 1000"]
                $0.output = .discard
                if durable { $0.life = .durable }
            }
            let ready = try await container.exec(["timeout", "30", "sh", "-c", "until test -e /ready; do sleep 0.02; done"])
            #expect(ready.status == .exited(0))
            if durable {
                container.detach()
                // The image's name may go; its blobs stay as long as the container.
                try await engine.images.remove("local/test:1")
                container = try await engine.reattach("worker")
            }
            let made = try await container.commit(as: "local/made:1") { $0.author = "somebody" }
            #expect(container.exit == nil)
            #expect(made.manifest.layers.count == base.manifest.layers.count + 1)
            #expect(made.configuration.author == "somebody")
            // It goes on, unpaused.
            #expect(try await container.exec(["echo", "on"]).standardOutput == "on\n")
            let seen = try await container.exec(["cat", "/look"]).standardOutput
            try await container.delete()

            let again = try await engine.run("local/made:1", ["sh", "-c", Self.look])
            #expect(again.standardError == "")
            // What lay on the volume is not part of the image.
            #expect(again.standardOutput + "file\n" == seen)
            #expect(seen.contains("./hard 89ed 0:0 ") && seen.contains("\n2\n"))
            // Others read it as well.
            let layout = fixture.base.appending("out")
            _ = try await engine.images.copy(
                from: .store(ContentStore(at: fixture.base.appending("root/content"), durability: .none), Reference("local/made:1")),
                to: .layout(layout, tag: "x"))
            let bundle = fixture.base.appending("umoci")
            try Command.run("umoci", "unpack", "--image", layout.string + ":x", bundle.string)
            let theirs = try Command.run("sh", "-c", "cd \"$0/srv\"; find . | LC_ALL=C sort", bundle.appending("rootfs").string)
            for name in theirs.standardOutput.split(separator: "\n") where !name.contains("name with") {
                #expect(seen.contains("\(name) "), "\(name)")
            }
            #expect(!theirs.standardOutput.contains("gone") && !theirs.standardOutput.contains("below"))
        }
    }

    /// What two containers did alike is one layer and one image, whenever it was; the root says nothing unless it was changed.
    @Test func sameChangesSameDigest() async throws {
        try await EngineFixture.with { fixture in
            let engine = fixture.engine
            let base = try await image(fixture)
            func commit(_ more: String, as name: String) async throws -> Image {
                let container = try await engine.create(base) {
                    $0.output = .discard
                    $0.command = [
                        "sh", "-c",
                        "echo new > /srv/new; rm /srv/gone; mkdir /made; echo in > /made/in; \(more) touch -d @1000 /srv/new /made/in /made /srv",
                    ]
                }
                try await container.start()
                #expect(try await container.wait() == .exited(0))
                let made = try await container.commit(as: name)
                try await container.delete()
                return made
            }
            let one = try await commit("", as: "local/one:1")
            // Times are whole seconds to some file systems.
            try await Task.sleep(for: .milliseconds(1100))
            let other = try await commit("", as: "local/other:1")
            #expect(one.manifest.layers.last == other.manifest.layers.last)
            #expect(one.manifestDigest == other.manifestDigest)
            let changed = try await commit("chmod 711 /; ", as: "local/changed:1")
            try await Task.sleep(for: .milliseconds(1100))
            let alike = try await commit("chmod 711 /; ", as: "local/alike:1")
            #expect(changed.manifestDigest == alike.manifestDigest)
            func names(_ image: Image) throws -> String {
                let layer = try #require(image.manifest.layers.last)
                let blob = fixture.base.appending("root/content/blobs/sha256/\(layer.digest.hex)")
                return try Command.run("tar", "-tvzf", blob.string).standardOutput
            }
            let (before, after) = (try names(one), try names(changed))
            #expect(!before.contains(" ./\n"), "\(before)")
            #expect(after.contains("drwx--x--x") && after.contains(" ./\n"), "\(after)")
        }
    }

    @Test func refusedWithoutAnImage() async throws {
        try await EngineFixture.with { fixture in
            let container = try await fixture.engine.create(fixture.directory) {
                $0.output = .discard
                $0.command = ["true"]
            }
            let error = await #expect(throws: ContainerError.self) { _ = try await container.commit(as: "local/none:1") }
            #expect(error?.code == .configurationRefused)
            try await container.delete()
            let other = try await fixture.engine.create(image(fixture)) {
                $0.output = .discard
                $0.command = ["sh", "-c", "touch /.wh.name"]
            }
            try await other.start()
            try await other.wait()
            let hostile = await #expect(throws: ContainerError.self) { _ = try await other.commit(as: "local/none:1") }
            #expect((hostile?.cause as? ImageError)?.code == .unsupported)
            #expect(try await fixture.engine.images.list().count == 1)
            try await other.delete()
        }
    }

    /// Without its blobs an image is run and listed, and pulled again when its layers are lost.
    @Test(.needsPrograms("docker-registry", "skopeo")) func withoutBlobs() async throws {
        try await withCleanup { cleanup in
            let registry = try DockerRegistry(.init(), in: cleanup)
            let layout = try cleanup.directory("layout")
            let name = try registry.push(try TestImage.busybox(["echo", "pulled"]).write(layout: layout), as: "library/box")
            try await EngineFixture.with(configure: { $0.keepsBlobs = false }) { fixture in
                let engine = fixture.engine
                let image = try await engine.images.pull(name)
                #expect(try await engine.run(name).standardOutput == "pulled\n")
                let blobs = Files.names(in: fixture.base.appending("root/content/blobs/sha256")) ?? []
                #expect(Set(blobs) == [image.digest.hex, image.id.hex])
                #expect(try await engine.images.list() == [image])
                #expect(try await engine.images.verify().isClean)
                try await engine.images.collectGarbage()
                let again = try await engine.images.pullTimed(name, policy: .always)
                #expect(again.timings.downloadedBytes == .bytes(0))
                let error = await #expect(throws: ContainerError.self) {
                    try await engine.images.save([name], to: fixture.base.appending("a.tar"))
                }
                #expect((error?.cause as? ImageError)?.code == .notInStore)
                // Another engine, as after a reboot that cost the layers.
                let layers = fixture.base.appending("root/layers/sha256")
                let base = fixture.base
                try Command.run("sh", "-c", "rm -r \"$0\"/*", layers.string)
                let output = try await withContainerEngine {
                    EngineFixture.configure(&$0, in: base)
                    $0.keepsBlobs = false
                } operation: { second in
                    try await second.run(name).standardOutput
                }
                #expect(output == "pulled\n")
                try await engine.images.remove(name)
                #expect(Files.names(in: fixture.base.appending("root/content/dropped")) == [])
            }
        }
    }
}
