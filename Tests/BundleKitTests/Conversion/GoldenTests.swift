import BundleKit
import Foundation
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Runtime configurations as others make them")
struct GoldenTests {
    /// The variables that every container gets and that other tools put elsewhere.
    private func own(_ environment: [String]?) -> [String] {
        (environment ?? []).filter { !$0.hasPrefix("HOME=") && !$0.hasPrefix("HOSTNAME=") }.sorted()
    }

    private func accounts(in directory: FilePath) throws -> FilePath {
        let root = directory.appending("root")
        try TestDirectory.create(root)
        try TestDirectory.create(root.appending("etc"))
        try Files.write(DockerGolden.passwd, to: root.appending("etc/passwd"))
        try Files.write(DockerGolden.group, to: root.appending("etc/group"))
        return root
    }

    @Test(arguments: DockerGolden.all.indices)
    func `Docker's`(_ index: Int) async throws {
        let golden = DockerGolden.all[index]
        try await TestDirectory.with("golden") { directory in
            let ours = try await RuntimeConversion(image: golden.image, options: golden.options, containerID: "0123456789abcdef")
                .configuration(layers: [try accounts(in: directory)])
            let process = try #require(ours.process)
            let comment = Comment(rawValue: golden.command)
            #expect(process.args == golden.arguments, comment)
            #expect(own(process.env) == golden.environment, comment)
            #expect(process.cwd == golden.directory && process.terminal ?? false == golden.options.terminal, comment)
            let user = try #require(process.user)
            #expect([user.uid, user.gid] + (user.additionalGids ?? []) == golden.user, comment)
            #expect(Set(process.capabilities?.bounding ?? []) == Set(golden.capabilities), comment)
            #expect(Set(process.capabilities?.effective ?? []) == Set(golden.effective), comment)
            #expect(process.capabilities?.inheritable == [] && process.capabilities?.ambient == [], comment)
            #expect(process.rlimits == golden.limits && process.oomScoreAdj == golden.score, comment)
            #expect(ours.root?.readonly ?? false == golden.readOnly, comment)
            let resources = try #require(ours.linux?.resources)
            #expect(resources.memory == golden.resources.memory && resources.cpu == golden.resources.cpu, comment)
            #expect(resources.pids == golden.resources.pids, comment)
            // Docker 20.10 knows fewer paths that have to be hidden.
            #expect(DockerGolden.masked.isSubset(of: ours.linux?.maskedPaths ?? []), comment)
            #expect(Set(ours.linux?.readonlyPaths ?? []) == DockerGolden.readOnlyPaths, comment)
            var mounts = Dictionary(uniqueKeysWithValues: (ours.mounts ?? []).map { ($0.destination, Set($0.options ?? [])) })
            #expect(mounts.removeValue(forKey: "/dev/shm")?.contains(golden.sharedMemory) == true, comment)
            if let temporary = golden.temporary {
                #expect(mounts.removeValue(forKey: "/t")?.isSuperset(of: [temporary, "nosuid", "nodev", "noexec"]) == true, comment)
            }
            #expect(mounts == DockerGolden.mounts, comment)
        }
    }

    /// One image's configuration by `umoci config`, and what it adds to the image.
    private static let images: [[String]] = [
        ["--config.cmd", "sh"],
        ["--config.entrypoint", "/bin/e", "--config.entrypoint", "-x", "--config.cmd", "c", "--config.cmd", "two words"],
        ["--config.cmd", "c", "--config.user", "app", "--config.workingdir", "/srv/app"],
        ["--config.cmd", "c", "--config.user", "app:staff", "--config.env", "A=1", "--config.env", "B=x=y", "--config.env", "EMPTY="],
        ["--config.cmd", "c", "--config.user", "1000:50", "--config.env", "PATH=/x"],
        ["--config.cmd", "c", "--config.user", "12:34"],
        [
            "--config.cmd", "c", "--config.label", "k=v", "--author", "field",
            "--config.stopsignal", "SIGQUIT", "--config.exposedports", "80/tcp", "--config.exposedports", "53/udp", "--os", "linux",
            "--architecture", "arm64", "--created", "2024-01-02T03:04:05Z",
        ],
        ["--config.cmd", "c", "--config.volume", "/data", "--config.volume", "/srv/cache"],
    ]

    @Test(.needsPrograms("umoci"), arguments: images)
    func `umoci's`(_ image: [String]) async throws {
        try await TestDirectory.with("golden") { directory in
            let layout = directory.appending("layout")
            let name = layout.string + ":latest"
            try Command.run("umoci", "init", "--layout", layout.string)
            try Command.run("umoci", "new", "--image", name)
            #expect(try Command(["umoci", "config", "--image", name] + image).run().status == 0)
            let root = try accounts(in: directory)
            let output = directory.appending("config.json")
            try Command.run("umoci", "raw", "runtime-config", "--image", name, "--rootfs", root.string, output.string)
            let theirs = try JSONDecoder().decode(RuntimeConfiguration.self, from: Data(try Files.read(output)))
            let configuration = try configuration(in: layout)
            var options = BundleOptions()
            options.terminal = true
            let ours = try await RuntimeConversion(configuration, options: options, containerID: "c").configuration(layers: [root])
            #expect(ours.process?.args == theirs.process?.args)
            #expect(own(ours.process?.env) == own(theirs.process?.env))
            #expect(ours.process?.cwd == theirs.process?.cwd)
            #expect(ours.process?.user?.uid == theirs.process?.user?.uid && ours.process?.user?.gid == theirs.process?.user?.gid)
            let groups = Set(ours.process?.user?.additionalGids ?? []).subtracting([ours.process?.user?.gid ?? 0])
            #expect(groups == Set(theirs.process?.user?.additionalGids ?? []).subtracting([theirs.process?.user?.gid ?? 0]))
            // umoci lists empty ones too.
            #expect(ours.annotations == theirs.annotations?.filter { !$0.value.isEmpty })
            // umoci mounts a tmpfs on each volume, where Docker and we make a volume.
            let volumes = (theirs.mounts ?? []).filter { $0.type == "tmpfs" && $0.source == "none" }.map(\.destination)
            #expect(Set(volumes) == Set(ImageDefaults(configuration).volumes))
        }
    }

    @Test func `a label wins over what the image says of itself`() async throws {
        var configuration = ImageConfiguration(architecture: "amd64", rootfs: .init(diffIDs: []))
        configuration.author = "field"
        configuration.config = .init()
        configuration.config?.command = ["c"]
        configuration.config?.labels = ["org.opencontainers.image.author": "label"]
        let ours = try await RuntimeConversion(configuration, options: BundleOptions(), containerID: "c").configuration(layers: [])
        #expect(ours.annotations?["org.opencontainers.image.author"] == "label")
        #expect(ours.annotations?["org.opencontainers.image.os"] == "linux")
    }

    private func configuration(in layout: FilePath) throws -> ImageConfiguration {
        func blob(_ digest: Digest) throws -> Data { Data(try Files.read(layout.appending("blobs/sha256").appending(digest.hex))) }
        let index = try JSONDecoder().decode(ImageIndex.self, from: Data(try Files.read(layout.appending("index.json"))))
        let manifest = try JSONDecoder().decode(ImageManifest.self, from: try blob(try #require(index.manifests.first).digest))
        return try JSONDecoder().decode(ImageConfiguration.self, from: try blob(manifest.config.digest))
    }
}
