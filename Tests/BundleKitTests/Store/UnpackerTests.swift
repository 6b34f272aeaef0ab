import BundleKit
import Crypto
import Glibc
import LinuxSystem
import OCIModel
import SpawnKit
import SystemPackage
import TestSupport
import Testing

@Suite("Unpacking images", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct UnpackerTests {
    /// Blobs of an image layout.
    struct Blobs: LayerSource {
        var layout: FilePath

        func openLayer(_ layer: LayerDescription) async throws -> SharedDescriptor {
            let path = layout.appending("blobs/sha256").appending(String(layer.digest.dropFirst(7)))
            return SharedDescriptor(OwnedDescriptor(try FileDescriptor.open(path, .readOnly, options: .closeOnExec)))
        }
    }

    static func describe(_ image: TestImage, in directory: FilePath) throws -> (Blobs, [LayerDescription]) {
        let layout = directory.appending("layout")
        let written = try image.write(layout: layout)
        var type = "application/vnd.oci.image.layer.v1.tar"
        switch image.compression {
        case .none: break
        case .gzip: type += "+gzip"
        case .zstd: type += "+zstd"
        }
        let layers = try zip(written.layers, written.diffIDs).map { digest, diffID in
            let size = try Files.read(layout.appending("blobs/sha256").appending(String(digest.dropFirst(7)))).count
            return LayerDescription(mediaType: type, digest: digest, size: UInt64(size), diffID: diffID)
        }
        return (Blobs(layout: layout), layers)
    }

    private func withUnpacker(
        _ durability: LayerDurability = .perImage, _ body: (FilePath, LayerStore, Unpacker) async throws -> Void
    ) async throws {
        try await TestDirectory.with("unpack") { directory in
            let store = try await LayerStore.open(at: directory.appending("layers"), durability: durability)
            let spawner = Spawner()
            defer { spawner.shutdown() }
            try await body(directory, store, Unpacker(store: store, spawner: spawner))
            #expect(Files.names(in: directory.appending("layers/ingest")) == [])
        }
    }

    @Test(arguments: [TestImage.Compression.none, .gzip, .zstd])
    func `an image once, then from the store`(_ compression: TestImage.Compression) async throws {
        try await withUnpacker { directory, store, unpacker in
            var image = try TestImage.busybox()
            image.compression = compression
            let (blobs, layers) = try Self.describe(image, in: directory)
            let first = try await unpacker.unpack(layers, from: blobs)
            #expect(first.layers.count == 1 && first.layers[0].wasPresent == false && first.layers[0].entries > 100)
            #expect(first.chainID == layers[0].diffID)
            #expect(try Files.read(first.layers[0].path.appending("bin/busybox")) == Files.read("/bin/busybox"))
            let second = try await unpacker.unpack(layers, from: blobs)
            #expect(second.layers[0].wasPresent && second.lowerDirectories == first.lowerDirectories)
            #expect(Files.names(in: directory.appending("layers/unsynced")) == [])
            #expect(try await store.keys() == [first.layers[0].key])
            #expect(try await store.remove(keeping: []) == [first.layers[0].key])
            #expect(try await store.keys() == [])
        }
    }

    @Test func `sixty layers, in order and shared where they can be`() async throws {
        try await withUnpacker(.none) { directory, store, unpacker in
            var image = try TestImage.layered(58)
            var bare = TarArchive()
            bare.file("layers/bare", text: "assumes its parent")
            image.layers.append(bare.finished())
            image.layers.append(bare.finished())
            let (blobs, layers) = try Self.describe(image, in: directory)
            let unpacked = try await unpacker.unpack(layers, from: blobs)
            #expect(unpacked.layers.count == 60)
            for (index, layer) in unpacked.layers.enumerated() {
                #expect(layer.description == layers[index])
                #expect((layer.key.hex == String(layers[index].diffID.dropFirst(7))) == (index < 58), "\(index)")
            }
            #expect(try Files.text(unpacked.layers[57].path.appending("layers/57")) == "57\n")
            #expect(Files.names(in: directory.appending("layers/unsynced"))?.count == 60)
            // As if another boot had come between: what was not flushed is not believed.
            for name in try #require(Files.names(in: directory.appending("layers/unsynced"))) {
                try Files.write("another boot", to: directory.appending("layers/unsynced").appending(name))
            }
            let reopened = try await LayerStore.open(at: directory.appending("layers"))
            #expect(try await reopened.keys() == [])
        }
    }

    @Test func `two pulls at once unpack a layer once`() async throws {
        try await withUnpacker { directory, store, unpacker in
            let (blobs, layers) = try Self.describe(TestImage.layered(4), in: directory)
            async let one = unpacker.unpack(layers, from: blobs)
            async let two = unpacker.unpack(layers, from: blobs)
            let both = try await [one, two]
            #expect(both[0].lowerDirectories == both[1].lowerDirectories)
            for index in layers.indices { #expect(both.filter { !$0.layers[index].wasPresent }.count == 1) }
        }
    }

    @Test func `damage is a typed error and leaves nothing`() async throws {
        try await withUnpacker { directory, store, unpacker in
            let (blobs, layers) = try Self.describe(TestImage.busybox(), in: directory)
            var wrong = layers
            wrong[0].diffID = "sha256:" + String(repeating: "a", count: 64)
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .digestMismatch }
            wrong = layers
            wrong[0].size += 1
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .digestMismatch }
            wrong = layers
            wrong[0].mediaType = "application/vnd.oci.image.layer.v1.tar+zstd"
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .damagedLayer }
            wrong[0].mediaType = "text/plain"
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .unsupportedMediaType }
            wrong = layers
            wrong[0].diffID = "sha256:../../../../etc"
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .damagedLayer }
            wrong = layers
            wrong[0].digest = "sha256:missing"
            await #expect { try await unpacker.unpack(wrong, from: blobs) } throws: { ($0 as? BundleError)?.code == .source }
            let many = [LayerDescription](repeating: layers[0], count: 501)
            await #expect { try await unpacker.unpack(many, from: blobs) } throws: { ($0 as? BundleError)?.code == .tooManyLayers }
            let blob = Descriptor(mediaType: .layer, digest: try Digest(layers[0].digest), size: 1)
            let manifest = ImageManifest(config: blob, layers: [blob])
            let configuration = ImageConfiguration(architecture: "amd64", rootfs: .init(diffIDs: []))
            await #expect { try await unpacker.unpack(manifest, configuration: configuration, from: blobs) } throws: {
                ($0 as? BundleError)?.code == .layerCountMismatch
            }
            #expect(try await store.keys() == [])
        }
    }

    @Test func `the error names the entry`() async throws {
        try await withUnpacker { directory, _, unpacker in
            var archive = TarArchive()
            archive.file("fine", text: "x")
            archive.file("../\u{1b}[31mevil", text: "x")
            let (blobs, layers) = try Self.describe(TestImage(layers: [archive.finished()]), in: directory)
            do throws(BundleError) {
                _ = try await unpacker.unpack(layers, from: blobs)
                Issue.record("accepted")
            } catch {
                #expect(error.code == .hostileLayer)
                #expect(error.subject == .layer(layers[0].digest, entry: "../\\u{1b}[31mevil"))
                #expect(!error.description.contains("\u{1b}"))
            }
        }
    }

    @Test func `a full disk is a typed error`() async throws {
        try await withUnpacker(.none) { directory, _, unpacker in
            let mount = directory.appending("small")
            try TestDirectory.create(mount)
            try Command.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount.string)
            defer { _ = try? Command.run("umount", "-l", mount.string) }
            let spawner = Spawner()
            defer { spawner.shutdown() }
            let small = try await LayerStore.open(at: mount.appending("layers"), durability: .none)
            let (blobs, layers) = try Self.describe(TestImage.busybox(), in: directory)
            await #expect { try await Unpacker(store: small, spawner: spawner).unpack(layers, from: blobs) } throws: {
                let error = $0 as? BundleError
                return error?.code == .storage && error?.errno == .noSpace
            }
            #expect(Files.names(in: mount.appending("layers/ingest")) == [])
        }
    }

    @Test func `cancelling ends the unpacker and leaves nothing`() async throws {
        try await withUnpacker { directory, store, unpacker in
            var archive = TarArchive()
            for number in 0..<20_000 { archive.file("file\(number)", text: "\(number)") }
            let (blobs, layers) = try Self.describe(TestImage(layers: [archive.finished()]), in: directory)
            let task = Task { try await unpacker.unpack(layers, from: blobs) }
            try await Task.sleep(for: .milliseconds(30))
            task.cancel()
            await #expect { try await task.value } throws: { ($0 as? BundleError)?.code == .cancelled }
            #expect(try await store.keys() == [])
        }
    }

    @Test func `staging of the dead is removed, of the living not`() async throws {
        try await TestDirectory.with("stale") { directory in
            let path = directory.appending("layers")
            _ = try await LayerStore.open(at: path)
            for name in ["dead", "alive"] {
                try TestDirectory.create(path.appending("ingest").appending(name))
                try Files.write("x", to: path.appending("ingest").appending(name).appending("x"))
            }
            let held = try FileDescriptor.open(path.appending("ingest/alive"), .readOnly, options: .closeOnExec)
            try #require(flock(held.rawValue, LOCK_EX) == 0)
            _ = try await LayerStore.open(at: path)
            #expect(Files.names(in: path.appending("ingest")) == ["alive"])
            try held.close()
            try Files.write("2\n", to: path.appending("version"))
            await #expect { _ = try await LayerStore.open(at: path) } throws: { ($0 as? BundleError)?.code == .newerFormat }
        }
    }

    @Test func `what a killed program did not flush is flushed with the next use`() async throws {
        try await withUnpacker { directory, store, unpacker in
            let (blobs, layers) = try Self.describe(TestImage.busybox(), in: directory)
            let key = try await unpacker.unpack(layers, from: blobs).layers[0].key
            let mark = directory.appending("layers/unsynced").appending(key.hex)
            try Files.write(try Files.text("/proc/sys/kernel/random/boot_id").split(separator: "\n").joined(), to: mark)
            #expect(try await LayerStore.open(at: directory.appending("layers")).keys() == [key])
            _ = try await unpacker.unpack(layers, from: blobs)
            #expect(!Files.exists(mark))
        }
    }

    @Test func `overlayfs is no upper directory`() async throws {
        try await TestDirectory.with("upper") { directory in
            for name in ["lower", "upper", "work", "merged"] { try TestDirectory.create(directory.appending(name)) }
            try UpperDirectory.check(directory)
            let options = "lowerdir=\(directory)/lower,upperdir=\(directory)/upper,workdir=\(directory)/work"
            try Command.run("mount", "-t", "overlay", "-o", options, "overlay", directory.appending("merged").string)
            defer { _ = try? Command.run("umount", directory.appending("merged").string) }
            #expect { try UpperDirectory.check(directory.appending("merged")) } throws: {
                ($0 as? BundleError)?.code == .unsuitableFileSystem
            }
            #expect { try UpperDirectory.check(directory.appending("missing")) } throws: { ($0 as? BundleError)?.code == .storage }
        }
    }

    @Test(.needsPrograms("umoci")) func `the merged tree is what umoci unpacks`() async throws {
        try await withUnpacker(.none) { directory, _, unpacker in
            var image = try TestImage.busybox()
            var second = TarArchive()
            second.directory("etc", mode: 0o750, owner: 3, group: 4)
            second.file("etc/passwd", text: "changed\n", mode: 0o600)
            second.file("bin/.wh.ls")
            second.directory("opt", mode: 0o1777)
            second.file("opt/s", text: "s", mode: 0o4755)
            second.hardLink("opt/t", to: "opt/s")
            second.symbolicLink("opt/l", to: "../etc/passwd")
            second.add(.fifo, "opt/f", mode: 0o640)
            image.layers.append(second.finished())
            var third = TarArchive()
            third.file("home/.wh..wh..opq")
            third.directory("opt", mode: 0o755)
            third.file("opt/.wh.t")
            third.hardLink("passwd", to: "etc/passwd")
            image.layers.append(third.finished())
            let (blobs, layers) = try Self.describe(image, in: directory)
            let unpacked = try await unpacker.unpack(layers, from: blobs)
            let merged = directory.appending("merged")
            try TestDirectory.create(merged)
            try Command.run(
                "mount", "-t", "overlay", "-o", "ro,lowerdir=" + unpacked.lowerDirectories.map(\.string).joined(separator: ":"), "overlay",
                merged.string)
            defer { _ = try? Command.run("umount", merged.string) }
            let bundle = directory.appending("umoci")
            try Command.run("umoci", "unpack", "--image", blobs.layout.string + ":latest", bundle.string)
            func list(_ tree: FilePath) throws -> [String] {
                // Name, kind, mode, owner, target; size of files only.
                let format = "%P %y %m %U:%G %l\\n"
                return try Command.run("find", tree.string, "-mindepth", "1", "-printf", format).standardOutput
                    .split(separator: "\n").map(String.init).sorted()
            }
            let ours = try list(merged)
            let theirs = try list(bundle.appending("rootfs"))
            #expect(ours.count > 100)
            #expect(Set(ours).symmetricDifference(theirs).sorted() == [])
            try Command.run("cmp", merged.appending("passwd").string, bundle.appending("rootfs/etc/passwd").string)
        }
    }
}
