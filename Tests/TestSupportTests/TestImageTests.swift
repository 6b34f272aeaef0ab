import SystemPackage
import TestSupport
import Testing

/// The images that the tests make are read by tools that are not ours.
struct TestImageTests {
    @Test func tarReadsTheArchive() throws {
        var archive = TarArchive()
        let long = "deep/" + String(repeating: "n", count: 180)
        archive.directory("deep")
        archive.file(long, text: "content", mode: 0o640)
        archive.symbolicLink("link", to: long)
        archive.hardLink("hard", to: long)
        let listing = try Command.run("tar", "-tv", "-f", "-", input: archive.finished())
        let lines = listing.standardOutput.split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines[1].hasPrefix("-rw-r-----") && lines[1].contains(long))
        #expect(lines[2].contains("link -> \(long)"))
        #expect(lines[3].contains("hard link to \(long)"))
    }

    @Test(.needsPrograms("skopeo"), arguments: [TestImage.Compression.none, .gzip, .zstd])
    func skopeoReadsTheLayout(compression: TestImage.Compression) async throws {
        try await TestDirectory.with { directory in
            var image = try TestImage.layered(3)
            image.compression = compression
            image.environment.append("QUOTED=a \"b\" \\c")
            let written = try image.write(layout: directory, tag: "one")
            try TestImage.layered(1).write(layout: directory, tag: "two")
            let text = try Command.run("skopeo", "inspect", "oci:\(directory):one").standardOutput
            for layer in written.layers { #expect(text.contains(layer)) }
            #expect(text.contains(#"QUOTED=a \"b\" \\c"#))
            try Command.run("skopeo", "inspect", "oci:\(directory):two")
        }
    }

    @Test(.needsPrograms("skopeo", "docker-registry", "htpasswd"), arguments: [false, true])
    func aRegistryTakesAPushAndCountsIt(protected: Bool) async throws {
        try await withCleanup { cleanup in
            let options = DockerRegistry.Options(tls: protected, credentials: protected ? (user: "me", password: "secret") : nil)
            let registry = try DockerRegistry(options, in: cleanup)
            let image = try TestImage.busybox().write(layout: cleanup.directory("layout"))
            let before = registry.requests
            try registry.push(image, as: "library/busybox", tag: "1")
            #expect(registry.requests > before)
        }
    }

    @Test(.tags(.privileged), .leakChecked, .needsRoot) func aRootDirectoryRuns() async throws {
        try await TestDirectory.with { directory in
            try TestRootFileSystem.make(at: directory.appending("root"))
            let script = "echo $(id -un) in $(pwd)"
            let result = try Command.run("chroot", directory.appending("root").string, "/bin/sh", "-c", script)
            #expect(result.standardOutput == "root in /\n")
        }
    }

    @Test(.tags(.privileged), .leakChecked, .needsRoot, .needsPrograms("redis-server"))
    func theRedisImageHoldsWhatRedisNeeds() async throws {
        try await TestDirectory.with { directory in
            for layer in try TestImage.redis().layers { try Command.run("tar", "-x", "-C", directory.string, input: layer) }
            let result = try Command.run("chroot", directory.string, "/usr/bin/redis-server", "--version")
            #expect(result.standardOutput.hasPrefix("Redis server"))
        }
    }
}
