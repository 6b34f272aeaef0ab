import ImageKit
import LinuxSystem
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("Images from Swift", .needsPrograms("umoci", "tar", "gzip", "zstd")) struct ImageBuilderTests {
    private func builder(_ directory: FilePath, _ compression: LayerCompression, base: Image? = nil) throws -> ImageBuilder {
        var builder = ImageBuilder(base: base)
        builder.compression = compression
        try builder.layer { layer in
            try layer.directory("/etc", mode: 0o700, owner: (1, 2))
            try layer.file("etc/motd", Array("hello\n".utf8), mode: 0o600, owner: (1000, 70_000_000))
            try layer.symbolicLink("etc/link", to: "motd")
            try layer.file("large", [UInt8](repeating: 7, count: 3 << 20))
            try layer.file(String(repeating: "deep/", count: 40) + "ä", [1])
            try layer.copy(directory, to: "/srv")
        }
        try builder.layer { try $0.remove("/etc/link") }
        builder.configuration.entrypoint = ["/bin/true"]
        builder.configuration.environment = ["A=b"]
        return builder
    }

    private func tree(_ cleanup: Cleanup) throws -> FilePath {
        let directory = try cleanup.directory("tree")
        try Files.write("#!/bin/sh\n", to: directory.appending("run"), mode: [.ownerReadWriteExecute])
        try TestDirectory.create(directory.appending("sub"))
        try Files.write("x", to: directory.appending("sub/file"))
        try Command.run("ln", "-s", "../run", directory.appending("sub/link").string)
        return directory
    }

    @Test(arguments: [LayerCompression.gzip, .zstd, .none]) func whatOthersUnpack(_ compression: LayerCompression) async throws {
        try await withCleanup { cleanup in
            let directory = try tree(cleanup)
            let fixture = try StoreFixture(cleanup)
            let image = try await builder(directory, compression).build(in: fixture.store, as: Reference("built:1"))
            #expect(try fixture.store.image(Reference("built:1")) == image)
            #expect(image.configuration.config?.entrypoint == ["/bin/true"])
            #expect(try fixture.store.verify().isClean)
            // The layer as the real programs see it: its digest without compression, and its files.
            let blob = fixture.store.path(of: image.manifest.layers[0].digest)
            let program: [String] =
                switch compression {
                case .gzip: ["gzip", "-dc"]
                case .zstd: ["zstd", "-dcq"]
                case .none: ["cat"]
                }
            let plain = try Command(program, input: Files.read(blob)).run()
            #expect(plain.status == 0)
            #expect("sha256:" + TestImage.hex(plain.output) == image.configuration.rootfs.diffIDs[0].description)
            let list = try Command.run("tar", "--numeric-owner", "-tvf", "-", input: plain.output).standardOutput
            #expect(list.contains("drwx------ 1/2"))
            #expect(list.contains("-rw------- 1000/70000000"))
            #expect(list.contains("srv/run") && list.contains("srv/sub/link -> ../run") && list.contains("deep/deep/"))
            #expect(list.contains("1970-01-01"))
            let out = fixture.directory.appending("out")
            try Command.run(
                "tar", "-xf", "-", "-C",
                try {
                    try TestDirectory.create(out)
                    return out.string
                }(), "--no-same-owner", input: plain.output)
            #expect(try Files.text(out.appending("etc/motd")) == "hello\n")
            #expect(try Files.read(out.appending("large")) == [UInt8](repeating: 7, count: 3 << 20))
            #expect(try Files.read(out.appending(String(repeating: "deep/", count: 40) + "ä")) == [1])
        }
    }

    /// The same input, the same digests, in another store and in another order; other input, others.
    @Test(arguments: [LayerCompression.gzip, .zstd]) func reproducible(_ compression: LayerCompression) async throws {
        try await withCleanup { cleanup in
            let directory = try tree(cleanup)
            let (first, second) = (try StoreFixture(cleanup), try StoreFixture(cleanup))
            let one = try await builder(directory, compression).build(in: first.store, as: Reference("a"))
            try Command.run("touch", directory.appending("run").string)
            let two = try await builder(directory, compression).build(in: second.store, as: Reference("b"))
            #expect(one.digest == two.digest)
            try Files.write("y", to: directory.appending("sub/file"))
            #expect(try await builder(directory, compression).build(in: second.store, as: Reference("c")).digest != one.digest)
        }
    }

    @Test func onABase() async throws {
        try await withCleanup { cleanup in
            let directory = try tree(cleanup)
            let fixture = try StoreFixture(cleanup)
            let layout = try TestImage.busybox(["/bin/sh"]).write(layout: fixture.directory.appending("layout"), tag: "test").layout
            let base = try fixture.store.importLayout(layout, tag: "test", as: Reference("base"))
            let image = try await builder(directory, .gzip, base: base).build(in: fixture.store, as: Reference("on:2"))
            #expect(image.manifest.layers.count == base.manifest.layers.count + 2)
            #expect(image.manifest.layers.first == base.manifest.layers.first)
            #expect(image.configuration.config?.command == ["/bin/sh"])
            // umoci unpacks it: the second layer's whiteout holds.
            try Command.run(
                "umoci", "unpack", "--rootless", "--image", "\(fixture.path):2", fixture.directory.appending("bundle").string)
            let root = fixture.directory.appending("bundle/rootfs")
            #expect(Files.exists(root.appending("etc/motd")))
            #expect(!Files.exists(root.appending("etc/link")))
            #expect(Files.exists(root.appending("bin/busybox")))
            let other = try StoreFixture(cleanup)
            let error = await #expect(throws: ImageError.self) {
                try await builder(directory, .gzip, base: base).build(in: other.store, as: Reference("x"))
            }
            #expect(error?.code == .notInStore)
            #expect(other.ingests == [])
        }
    }

    @Test func refused() async throws {
        try await withCleanup { cleanup in
            let directory = try tree(cleanup)
            var contents = LayerContents()
            for path in ["", "/", "../x", "a/../../b", "."] {
                #expect(imageErrorCode { try contents.file(path, [1]) } == .malformedDocument)
            }
            try Command.run("mkfifo", directory.appending("pipe").string)
            #expect(imageErrorCode { try contents.copy(directory) } == .unsupported)
        }
    }
}
