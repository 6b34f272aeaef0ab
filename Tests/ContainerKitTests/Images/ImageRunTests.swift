import ContainerKit
import LinuxSystem
import TestSupport
import Testing

@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ImageRunTests {
    /// The nine lines, with an image from a layout.
    @Test func quickstart() async throws {
        try await EngineFixture.with { fixture in
            _ = try await fixture.busybox()
            let result = try await fixture.engine.run("local/test:1", ["echo", "hello"])
            #expect("\(result.status) \(result.standardOutput)" == "exited(0) hello\n")
        }
    }

    @Test(.needsPrograms("docker-registry", "skopeo")) func pullsFromARegistry() async throws {
        try await withCleanup { cleanup in
            let registry = try DockerRegistry(.init(), in: cleanup)
            let layout = try cleanup.directory("layout")
            let reference = try registry.push(try TestImage.busybox(["echo", "pulled"]).write(layout: layout), as: "library/box")
            try await EngineFixture.with { fixture in
                let events = TransferEvents()
                async let read: [TransferProgress] = {
                    var all: [TransferProgress] = []
                    for await event in events { all.append(event) }
                    return all
                }()
                let (image, timings, _) = try await fixture.engine.images.pullTimed(reference, progress: events)
                // The last state of each blob: verified, and unpacked.
                var ends: [Digest: TransferProgress.BlobState] = [:]
                let progress = await read
                for case .blob(let digest, let state) in progress { ends[digest] = state }
                #expect(Set(ends.keys) == Set(image.manifest.layers.map(\.digest) + [image.id]))
                #expect(ends.values.allSatisfy { $0 == .done || $0 == .alreadyPresent })
                #expect(progress.last == .done(image.digest))
                #expect(timings.downloadedBytes.rawValue > 0)
                #expect(try await fixture.engine.run(image).standardOutput == "pulled\n")
                #expect(try await fixture.engine.images.list().map(\.reference.description) == [reference])
                // By name, from the store: the registry may be gone.
                registry.stop()
                #expect(try await fixture.engine.run(reference).standardOutput == "pulled\n")
                let error = await #expect(throws: ContainerError.self) { try await fixture.engine.run(registry.address + "/library/other") }
                #expect(error?.code == .imageUnavailable)
            }
        }
    }

    /// A layer is done once, and then it is unpacked.
    @Test func importTellsOfEachBlob() async throws {
        try await EngineFixture.with { fixture in
            let layout = fixture.base.appending("layout")
            try TestImage.layered(3).write(layout: layout)
            let events = TransferEvents()
            async let read: [TransferProgress] = {
                var all: [TransferProgress] = []
                for await event in events { all.append(event) }
                return all
            }()
            let image = try await fixture.engine.images.importLayout(layout, as: "local/three:1", progress: events)
            let progress = await read
            var states: [Digest: [TransferProgress.BlobState]] = [:]
            for case .blob(let digest, let state) in progress { states[digest, default: []].append(state) }
            #expect(Set(states.keys) == Set(image.manifest.layers.map(\.digest) + [image.id]))
            for (digest, states) in states {
                #expect(states.last == .done && states.count { $0 == .done } == 1, "\(digest): \(states)")
            }
            #expect(progress.last == .done(image.digest))
            #expect(progress.count { if case .done = $0 { true } else { false } } == 1)
        }
    }

    /// One flush of the file system is enough for the blobs and the layers of a pull.
    @Test(.needsPrograms("docker-registry", "skopeo")) func flushesOnce() async throws {
        try await withCleanup { cleanup in
            let registry = try DockerRegistry(.init(), in: cleanup)
            let reference = try registry.push(try TestImage.layered(3).write(layout: try cleanup.directory("layout")), as: "library/three")
            let base = try cleanup.directory("engine")
            func configure(_ configuration: inout EngineConfiguration) {
                EngineFixture.configure(&configuration, in: base)
                configuration.durability = .perImage
            }
            try await withContainerEngine(configure) { engine in
                let before = DirectoryCalls.flushCount
                _ = try await engine.images.pull(reference)
                #expect(DirectoryCalls.flushCount - before == 1)
                #expect(Files.names(in: base.appending("root/layers/unsynced")) == [])
                #expect(Files.names(in: base.appending("root/layers/sha256"))?.count == 3)
            }
        }
    }

    /// A store root 200 bytes deep: an option string of the old mount interface would not hold the paths.
    @Test(arguments: [60, 127]) func manyLayersInADeepRoot(count: Int) async throws {
        try await EngineFixture.with(depth: 200) { fixture in
            let image = try await fixture.image(.layered(count))
            let result = try await fixture.engine.run(
                image, ["sh", "-c", "cat /layers/last; ls /layers | wc -l; echo new > /layers/own; cat /layers/own"])
            #expect(result.standardOutput == "\(count - 1)\n\(count)\nnew\n")
            #expect(result.standardError == "")
        }
    }

    /// Sixty layers with deletes, opaque directories and changes of type: a container sees what umoci unpacks.
    @Test(.needsPrograms("umoci")) func sixtyLayersOfChanges() async throws {
        try await EngineFixture.with { fixture in
            var image = try TestImage.busybox()
            image.layers += TreeImage.sixty(seed: 7).layers.map { $0.finished() }
            let pulled = try await fixture.image(image)
            let look = "find d0 d1 d2 | sort; find d0 d1 d2 -type f | sort | xargs cat; find d0 d1 d2 -type l | sort | xargs -n 1 readlink"
            let ours = try await fixture.engine.run(pulled, ["sh", "-c", "cd /; \(look)"])
            let layout = fixture.base.appending("layout-localtest1")
            let bundle = fixture.base.appending("umoci")
            try Command.run("umoci", "unpack", "--image", layout.string + ":latest", bundle.string)
            let theirs = try Command.run("sh", "-c", "cd \"$0\"; LC_ALL=C; export LC_ALL; \(look)", bundle.appending("rootfs").string)
            #expect(ours.status == .exited(0) && ours.standardError == "")
            #expect(ours.standardOutput.split(separator: "\n").count > 20)
            #expect(ours.standardOutput == theirs.standardOutput)
        }
    }

    @Test func imageDefaultsAndOverrides() async throws {
        try await EngineFixture.with { fixture in
            var image = try TestImage.busybox(["one"])
            image.entrypoint = ["/bin/echo", "entry"]
            image.environment = ["PATH=/bin", "A=1"]
            image.user = "app"
            image.workingDirectory = "/srv/work"
            let engine = fixture.engine
            let pulled = try await fixture.image(image)
            #expect(try await engine.run(pulled).standardOutput == "entry one\n")
            #expect(try await engine.run(pulled, ["two"]).standardOutput == "entry two\n")
            let shell = try await engine.run(pulled) { configuration in
                configuration.entrypoint = ["sh", "-c", "id -u; id -g; pwd; echo $A $B $HOME; touch /x || echo refused"]
                configuration.environment["B"] = "2"
            }
            #expect(shell.standardOutput == "1000\n1000\n/srv/work\n1 2 /home\nrefused\n")
            let root = try await engine.run(pulled) { configuration in
                configuration.entrypoint = ["sh", "-c", "id -u; pwd; hostname"]
                configuration.user = "0:50"
                configuration.workingDirectory = "/new/dir"
                configuration.hostname = "box"
            }
            #expect(root.standardOutput == "0\n/new/dir\nbox\n")
            let error = await #expect(throws: ContainerError.self) { try await engine.run(pulled) { $0.user = "nobody-here" } }
            #expect(error?.code == .configurationRefused)
        }
    }

    @Test func removedImagesTakeTheirLayersAlong() async throws {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("engine")
            func engine(_ body: (ContainerEngine) async throws -> Void) async throws {
                try await withContainerEngine({ EngineFixture.configure(&$0, in: base) }, operation: body)
            }
            let layout = base.appending("layout")
            try TestImage.layered(3).write(layout: layout)
            try await engine { engine in
                try await engine.images.importLayout(layout, as: "local/gone:1")
                // Still held by this engine.
                try await engine.images.remove("local/gone:1")
                #expect(Files.names(in: base.appending("root/layers/sha256"))?.count == 3)
                await #expect(throws: ContainerError.self) { try await engine.images.remove("local/gone:1") }
            }
            try await engine { engine in
                try await engine.images.collectGarbage()
                #expect(Files.names(in: base.appending("root/layers/sha256")) == [])
                #expect(Files.names(in: base.appending("root/content/blobs/sha256")) == [])
            }
        }
    }
}
