import BundleKit
import CLinux
import Glibc
import OCIModel
import SpawnKit
import SystemPackage
import TestSupport
import Testing

@Suite("Snapshots", .serialized, .tags(.privileged), .leakChecked, .needsRoot)
struct SnapshotTests {
    private struct Scene {
        var directory: FilePath
        var unpacker: Unpacker
        var image: UnpackedImage
        var snapshots: SnapshotStore
    }

    private static let layers = { () -> [[UInt8]] in
        var lower = TarArchive()
        lower.add(.directory, "./", mode: 0o755, modified: 1_600_000_000)
        for name in ["keep", "gone", "replaced", "d", "d/deep"] {
            lower.add(.directory, "\(name)/", mode: 0o755, modified: 1_500_000_000)
        }
        for name in ["keep/file", "gone/file", "replaced/old", "d/deep/file", "file", "mode"] { lower.file(name, text: name) }
        lower.symbolicLink("link", to: "file")
        lower.hardLink("hard", to: "file")
        var upper = TarArchive()
        upper.file("d/.wh.missing")
        upper.file("d/upper", text: "upper")
        upper.file("keep/.wh.file")
        upper.file("keep/other", text: "other")
        return [lower.finished(), upper.finished()]
    }()

    private func with(_ method: SnapshotMethod, _ body: (Scene) async throws -> Void) async throws {
        try await TestDirectory.with("snapshots") { directory in
            let store = try await LayerStore.open(at: directory.appending("layers"), durability: .none)
            let spawner = Spawner()
            defer { spawner.shutdown() }
            let (blobs, layers) = try UnpackerTests.describe(TestImage(layers: Self.layers), in: directory)
            let unpacker = Unpacker(store: store, spawner: spawner)
            let image = try await unpacker.unpack(layers, from: blobs)
            let snapshots = try await SnapshotStore.open(at: directory.appending("snapshots"), method: method)
            try await body(Scene(directory: directory, unpacker: unpacker, image: image, snapshots: snapshots))
        }
    }

    /// Runs a body on the tree of a snapshot, mounted where it has to be.
    private func look<Value>(_ snapshot: Snapshot, _ scene: Scene, _ body: (FilePath) throws -> Value) throws -> Value {
        guard case .overlay(let lower, let upper, let work) = snapshot.root else {
            guard case .directory(let path) = snapshot.root else { throw Errno.invalidArgument }
            return try body(path)
        }
        let mount = scene.directory.appending("mounted")
        try TestDirectory.create(mount)
        var options = "lowerdir=" + lower.map(\.string).joined(separator: ":")
        if let upper, let work { options += ",upperdir=\(upper),workdir=\(work)" }
        try Command.run("mount", "-t", "overlay", "-o", options, "overlay", mount.string)
        defer { _ = try? Command.run("umount", mount.string) }
        return try body(mount)
    }

    private static let changes = """
        set -e; cd "$0"; rm -r gone; rm -r replaced; mkdir replaced; echo new > replaced/new; echo changed > file; chmod 700 mode
        mkdir -p new/dir; echo x > new/dir/x; ln new/dir/x new/dir/y; ln -s nowhere new/dir/z; mkfifo new/fifo; mknod new/null c 1 3
        rm link; mkdir link; rm -r d/deep; echo file > d/deep; rm d/upper
        touch -d '2001-02-03 04:05:06.789' new/dir/x
        """

    @Test(arguments: [SnapshotMethod.overlay, .copy])
    func `what was changed becomes a layer that shows the same`(_ method: SnapshotMethod) async throws {
        try await with(method) { scene in
            let snapshot = try await scene.snapshots.prepare("one", over: scene.image.lowerDirectories)
            let before = try look(snapshot, scene) { try TreeListing.of($0) }
            #expect(before["/keep/other"] != nil && before["/keep/file"] == nil && before["/file"]?.contains("links 2") == true)
            let changed = try look(snapshot, scene) { root in
                try Command.run("sh", "-c", Self.changes, root.string)
                #expect(lsetxattr(root.appending("new/dir/x").string, "trusted.note", "kept", 4, 0) == 0)
                return try TreeListing.of(root)
            }
            #expect(changed["/gone"] == nil && changed["/replaced/old"] == nil && changed["/new/dir/y"] != nil)
            let archive = try FileDescriptor.open(
                scene.directory.appending("archive"), .readWrite, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { try? archive.close() }
            let committed = try await scene.snapshots.commit(snapshot, on: scene.image, by: scene.unpacker, archive: archive)
            #expect(committed.layers.count == 3)
            let view = try await scene.snapshots.view("two", over: committed.lowerDirectories)
            let seen = try look(view, scene) { try TreeListing.of($0) }
            // A hard link to a file that was changed stays behind with the old contents in both.
            let difference = TreeListing.difference(seen, changed, since: .max)
            #expect(difference.isEmpty, "\(difference.joined(separator: "\n"))")
            // The same tree, the same archive.
            let again = try FileDescriptor.open(
                scene.directory.appending("again"), .readWrite, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { try? again.close() }
            let diff = try await scene.snapshots.diff(snapshot, to: again)
            #expect(diff.diffID.description == committed.layers[2].description.diffID)
            #expect(UInt64(diff.size.rawValue) == committed.layers[2].description.size)
        }
    }

    @Test(arguments: [SnapshotMethod.overlay, .copy]) func `snapshots are made whole, counted and removed`(_ method: SnapshotMethod)
        async throws
    {
        try await with(method) { scene in
            let layers = scene.image.lowerDirectories
            let snapshot = try await scene.snapshots.prepare("a", over: layers)
            await #expect { try await scene.snapshots.prepare("a", over: layers) } throws: { ($0 as? BundleError)?.code == .invalidOption }
            for bad in ["", ".", "..", "a/b", ".hidden", String(repeating: "a", count: 129)] {
                await #expect(throws: BundleError.self) { try await scene.snapshots.prepare(bad, over: layers) }
            }
            let before = try await scene.snapshots.usage(of: snapshot)
            try look(snapshot, scene) { try Files.write([UInt8](repeating: 1, count: 1 << 20), to: $0.appending("big")) }
            let after = try await scene.snapshots.usage(of: snapshot)
            #expect(after.bytes.rawValue - before.bytes.rawValue >= 1 << 20 && after.inodes == before.inodes + 1)
            #expect(method == .copy || before.inodes == 1)
            try await scene.snapshots.remove("a")
            try await scene.snapshots.remove("a")
            #expect(Files.names(in: scene.snapshots.directory) == [])
            // What a maker left that died.
            try TestDirectory.create(scene.snapshots.directory.appending(".half"))
            _ = try await SnapshotStore.open(at: scene.snapshots.directory, method: method)
            #expect(Files.names(in: scene.snapshots.directory) == [])
        }
    }

    @Test func `names that a layer cannot hold are refused`() async throws {
        try await with(.overlay) { scene in
            let snapshot = try await scene.snapshots.prepare("a", over: scene.image.lowerDirectories)
            try look(snapshot, scene) { try Files.write("x", to: $0.appending(".wh.file")) }
            let archive = try FileDescriptor.open(
                scene.directory.appending("archive"), .readWrite, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
            defer { try? archive.close() }
            await #expect { try await scene.snapshots.diff(snapshot, to: archive) } throws: { ($0 as? BundleError)?.code == .unfitTree }
            let view = try await scene.snapshots.view("v", over: scene.image.lowerDirectories)
            #expect(view.name == nil && view.isReadOnly)
            await #expect { try await scene.snapshots.diff(view, to: archive) } throws: { ($0 as? BundleError)?.code == .invalidOption }
        }
    }
}
