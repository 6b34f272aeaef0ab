import ImageKit
import Logging
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Images in archives and layouts", .serialized, .needsPrograms("skopeo", "umoci", "tar")) struct TransferTests {
    private struct Fixture {
        var store: ContentStore
        var directory: FilePath
        var name: Reference
        var image: Image
        var copier: ImageCopier { ImageCopier(client: nil) }
        func path(_ name: String) -> FilePath { directory.appending(name) }
    }

    private func withImage(_ body: (Fixture) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("transfer")
            let store = try ContentStore(at: directory.appending("content"), durability: .none)
            let layout = try TestImage.layered(3).write(layout: directory.appending("layout"), tag: "test").layout
            let name = try Reference("registry.example/team/app:1")
            let image = try store.importLayout(layout, tag: "test", as: name)
            try await body(Fixture(store: store, directory: directory, name: name, image: image))
        }
    }

    private func skopeo(_ source: String, _ destination: String) throws {
        try Command.run("skopeo", "copy", "--quiet", "--insecure-policy", source, destination)
    }

    /// What skopeo and tar read of what we write.
    @Test func whatOthersRead() async throws {
        try await withImage { fixture in
            let archive = fixture.path("image.tar")
            try await fixture.copier.save([fixture.name], of: fixture.store, to: archive)
            try await fixture.copier.copy(from: .store(fixture.store, fixture.name), to: .layout(fixture.path("out"), tag: "one"))
            // As an archive of docker save, by its name; as an OCI archive; as a layout.
            try skopeo("docker-archive:\(archive):\(fixture.name)", "oci:\(fixture.path("a")):x")
            try skopeo("oci-archive:\(archive)", "oci:\(fixture.path("b")):x")
            try skopeo("oci:\(fixture.path("out")):one", "oci:\(fixture.path("c")):x")
            for name in ["b", "c"] {
                #expect(Files.exists(fixture.path("\(name)/blobs/sha256/\(fixture.image.manifestDigest.hex)")), "\(name)")
            }
            // docker-archive is decompressed on the way, so only the configuration is the same.
            #expect(Files.exists(fixture.path("a/blobs/sha256/\(fixture.image.id.hex)")))
            let names = try Command.run("tar", "-tf", archive.string).standardOutput
            #expect(names.contains("manifest.json") && names.contains("index.json") && names.contains("oci-layout"))
            let umoci = try Command(["umoci", "list", "--layout", fixture.path("out").string]).run()
            #expect(umoci.standardOutput == "one\n")
        }
    }

    /// Podman loads what we write, and we load what it saves, in both of its forms.
    @Test(.needsRoot, .leakChecked, .tags(.privileged), .needsPrograms("podman"), arguments: ["docker-archive", "oci-archive"])
    func podman(_ format: String) async throws {
        try await withImage { fixture in
            let archive = fixture.path("ours.tar")
            try await fixture.copier.save([fixture.name], of: fixture.store, to: archive)
            let podman = [
                "podman", "--root", fixture.path("podman/root").string, "--runroot", fixture.path("podman/run").string, "--tmpdir",
                fixture.path("podman/tmp").string, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
            ]
            func run(_ arguments: String...) throws -> Command.Result {
                let result = try Command(podman + arguments, timeout: .seconds(120)).run()
                #expect(result.status == 0, "podman \(arguments): \(result.standardError)")
                return result
            }
            #expect(try run("load", "-i", archive.string).standardOutput.contains(fixture.name.description))
            #expect(try run("images", "--no-trunc", "--quiet").standardOutput.contains(fixture.image.id.description))
            let theirs = fixture.path("theirs.tar")
            _ = try run("save", "--format", format, "-o", theirs.string, fixture.name.description)
            let second = try ContentStore(at: fixture.path("second"), durability: .none)
            #expect(try await fixture.copier.load(theirs, into: second).map(\.description) == [fixture.name.description])
            let image = try #require(try second.image(fixture.name))
            #expect(image.configuration.rootfs == fixture.image.configuration.rootfs)
            #expect(try second.verify().isClean)
        }
    }

    /// What we read of what skopeo, umoci and tar write.
    @Test func whatOthersWrite() async throws {
        try await withImage { fixture in
            let layout = fixture.path("layout")
            try skopeo("oci:\(layout):test", "docker-archive:\(fixture.path("docker.tar")):registry.example/team/app:2")
            try skopeo("oci:\(layout):test", "oci-archive:\(fixture.path("oci.tar")):registry.example/team/app:3")
            try Command.run("umoci", "config", "--image", "\(layout):test", "--tag", "umoci", "--config.user", "1000")
            let store = try ContentStore(at: fixture.path("second"), durability: .none)
            #expect(
                try await fixture.copier.load(fixture.path("docker.tar"), into: store).map(\.description) == ["registry.example/team/app:2"]
            )
            #expect(
                try await fixture.copier.load(fixture.path("oci.tar"), into: store).map(\.description) == ["registry.example/team/app:3"])
            try await fixture.copier.copy(from: .layout(layout, tag: "umoci"), to: .store(store, Reference("a:4")))
            let second = try #require(try store.image(Reference("registry.example/team/app:2")))
            #expect(second.id == fixture.image.id)
            #expect(second.manifest.layers.map(\.digest) == fixture.image.configuration.rootfs.diffIDs)
            #expect(second.manifest.layers.allSatisfy { $0.mediaType == .layer })
            #expect(try store.image(Reference("registry.example/team/app:3"))?.id == fixture.image.id)
            #expect(try store.image(Reference("a:4"))?.configuration.config?.user == "1000")
            #expect(try store.verify().isClean)
        }
    }

    /// Any two of store, layout and archive, there and back: the digest stays. The same image gives the same bytes.
    @Test func roundTrips() async throws {
        try await withImage { fixture in
            let copier = fixture.copier
            let one = ImageLocation.archive(fixture.path("1.tar"), name: "team/app:9")
            let source = ImageLocation.store(fixture.store, fixture.name)
            var digests = [try await copier.copy(from: source, to: one).digest]
            digests.append(try await copier.copy(from: one, to: .layout(fixture.path("l"), tag: "x")).digest)
            digests.append(
                try await copier.copy(from: .layout(fixture.path("l"), tag: "x"), to: .archive(fixture.path("2.tar"), name: "team/app:9"))
                    .digest)
            digests.append(
                try await copier.copy(
                    from: .archive(fixture.path("2.tar"), name: "team/app:9"), to: .store(fixture.store, Reference("back"))
                ).digest)
            #expect(Set(digests) == [fixture.image.digest])
            #expect(try Files.read(fixture.path("1.tar")) == Files.read(fixture.path("2.tar")))
            // A second copy of the same tag replaces it.
            try await copier.copy(from: one, to: .layout(fixture.path("l"), tag: "x"))
            #expect(try DirectoryFiles(fixture.path("l")).index().manifests.count == 1)
            #expect(try fixture.store.image(Reference("back"))?.id == fixture.image.id)
            await #expect(throws: ImageError.self) {
                try await copier.copy(from: .archive(fixture.path("1.tar"), name: "other"), to: source)
            }
        }
    }

    /// Several images, several names; names of one image share what they have.
    @Test func several() async throws {
        try await withImage { fixture in
            let other = try Reference("other:2")
            try fixture.store.setName(other, to: try #require(try fixture.store.descriptor(for: fixture.name)))
            _ = try fixture.store.importLayout(
                TestImage.busybox().write(layout: fixture.path("layout"), tag: "busy").layout, tag: "busy", as: Reference("busy"))
            let archive = fixture.path("many.tar")
            try await fixture.copier.save([fixture.name, other, Reference("busy")], of: fixture.store, to: archive)
            let store = try ContentStore(at: fixture.path("second"), durability: .none)
            let loaded = try await fixture.copier.load(archive, into: store)
            #expect(Set(loaded.map(\.familiar)) == ["registry.example/team/app:1", "other:2", "busy"])
            let json = try Command.run("tar", "-xOf", archive.string, "manifest.json").standardOutput
            #expect(json.contains(#""RepoTags":["registry.example/team/app:1","other:2"]"#))
            #expect(json.contains(#""RepoTags":["busy:latest"]"#))
            #expect(try await fixture.copier.load(archive, into: store).count == 3)
        }
    }

    /// docker save before it was a layout: links for a layer that is there twice, `./` before names, GNU's long names.
    @Test func oldArchives() async throws {
        try await withImage { fixture in
            let layer = Array(repeating: UInt8(1), count: 3000) + Array(repeating: UInt8(0), count: 1024)
            let diff = ScriptedImage.digest(layer)
            let config =
                #"{"architecture":"\#(TestImage.hostArchitecture)","os":"linux","rootfs":{"type":"layers","diff_ids":["\#(diff)","\#(diff)"]}}"#
            let long = String(repeating: "long/", count: 40)
            var archive = TarArchive()
            archive.file("./config.json", text: config)
            archive.file("\(long)layer.tar", layer)
            archive.symbolicLink("b/layer.tar", to: "../\(long)layer.tar")
            archive.file(
                "manifest.json", text: #"[{"Config":"config.json","RepoTags":["old:1"],"Layers":["\#(long)layer.tar","b/layer.tar"]}]"#)
            let path = fixture.path("old.tar")
            try Files.write(archive.finished(), to: path)
            let store = try ContentStore(at: fixture.path("second"), durability: .none)
            #expect(try await fixture.copier.load(path, into: store).map(\.familiar) == ["old:1"])
            #expect(try store.image(Reference("old:1"))?.manifest.layers.map(\.digest.description) == [diff, diff])
        }
    }

    @Test func hostileArchives() async throws {
        try await withImage { fixture in
            let entry = #"[{"Config":"c","RepoTags":["x:1"],"Layers":["l"]}]"#
            var twice = TarArchive()
            twice.file("manifest.json", text: entry)
            twice.file("./manifest.json", text: entry)
            var device = TarArchive()
            device.add(.characterDevice, "manifest.json")
            var missing = TarArchive()
            missing.file("manifest.json", text: entry)
            var loop = TarArchive()
            loop.symbolicLink("manifest.json", to: "other")
            loop.symbolicLink("other", to: "manifest.json")
            var escape = TarArchive()
            escape.file("manifest.json", text: #"[{"Config":"../../../../etc/passwd","Layers":[]}]"#)
            var huge = TarArchive()
            huge.file("manifest.json", [UInt8](repeating: 0x20, count: 5 << 20))
            let whole = twice.finished()
            let cases: [(String, [UInt8], ImageError.Code)] = [
                ("twice", whole, .malformedDocument), ("device", device.finished(), .malformedDocument),
                ("missing", missing.finished(), .malformedDocument), ("loop", loop.finished(), .notFound),
                ("escape", escape.finished(), .malformedDocument), ("huge", huge.finished(), .oversizedBody),
                ("empty", [], .malformedDocument),
                ("cut", Array(whole.prefix(700)), .malformedDocument), ("noise", [UInt8](repeating: 7, count: 2048), .malformedDocument),
                ("gzip", [0x1f, 0x8b] + [UInt8](repeating: 7, count: 2048), .unsupported),
                ("zeros", [UInt8](repeating: 0, count: 2048), .notFound),
            ]
            for (name, bytes, code) in cases {
                let path = fixture.path("\(name).tar")
                try Files.write(bytes, to: path)
                let error = await #expect(throws: ImageError.self, "\(name)") { try await fixture.copier.load(path, into: fixture.store) }
                #expect(error?.code == code, "\(name): \(error.map { "\($0)" } ?? "")")
            }
            #expect(try fixture.store.names().count == 1)
        }
    }

    /// A pipe or a link in a layout is refused at once; so is a layout that does not say it is one.
    @Test func hostileLayouts() async throws {
        try await withImage { fixture in
            let layout = fixture.path("layout")
            let blob = layout.appending("blobs/sha256/\(fixture.image.manifest.layers[0].digest.hex)")
            let steps: [(String, [String], ImageError.Code)] = [
                ("pipe", ["mkfifo", blob.string], .malformedDocument),
                ("link", ["ln", "-s", "/etc/passwd", blob.string], .malformedDocument),
                ("directory", ["mkdir", blob.string], .malformedDocument), ("missing", ["true"], .notFound),
            ]
            for (name, command, code) in steps {
                try Command.run("rm", "-rf", blob.string)
                #expect(try Command(command).run().status == 0)
                let store = try ContentStore(at: fixture.path("s-\(name)"), durability: .none)
                #expect(imageErrorCode { _ = try store.importLayout(layout, tag: "test", as: Reference("x")) } == code, "\(name)")
                let error = await #expect(throws: ImageError.self) {
                    try await fixture.copier.copy(from: .layout(layout, tag: "test"), to: .store(store, Reference("x")))
                }
                #expect(error?.code == code || error?.code == .notInStore, "\(name): \(error.map { "\($0)" } ?? "")")
                #expect(try store.names().isEmpty)
            }
            try Files.write(#"{"imageLayoutVersion":"2.0.0"}"#, to: layout.appending("oci-layout"))
            #expect(imageErrorCode { _ = try fixture.store.importLayout(layout, tag: "test", as: Reference("x")) } == .unsupported)
            try Command.run("rm", layout.appending("oci-layout").string)
            #expect(imageErrorCode { _ = try fixture.store.importLayout(layout, tag: "test", as: Reference("x")) } == .notFound)
        }
    }
}
