import BundleChild
import CLinux
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Hostile layers", .tags(.privileged), .leakChecked, .needsRoot)
struct HostileLayerTests {
    private func bench(_ body: (LayerBench) throws -> Void) async throws {
        try await TestDirectory.with("hostile") { try body(try LayerBench($0)) }
    }

    @Test(arguments: ["../escape", "a/../../escape", "a/..", "..", "a/b/../c"])
    func `dot-dot is refused by name`(_ path: String) async throws {
        try await bench { bench throws in
            for kind in [TarArchive.Kind.file, .directory, .symbolicLink, .fifo] {
                var archive = TarArchive()
                archive.add(kind, path, link: "x")
                let failure = try bench.failure(archive)
                #expect(failure?.code == .escapingPath)
                #expect(failure.map { String(decoding: $0.entry, as: UTF8.self) } == path)
            }
            #expect(!Files.exists(bench.directory.appending("escape")))
            #expect(!Files.exists(bench.directory.appending("layers/escape")))
        }
    }

    @Test func `a hard link's target may not lead outside`() async throws {
        try await bench { bench throws in
            try Files.write("secret", to: bench.directory.appending("secret"))
            var dots = TarArchive()
            dots.hardLink("stolen", to: "../../secret")
            #expect(try bench.failure(dots)?.code == .escapingPath)
            var absolute = TarArchive()
            absolute.hardLink("stolen", to: bench.directory.appending("secret").string)
            #expect(try bench.failure(absolute)?.code == .missingLinkTarget)
            var through = TarArchive()
            through.symbolicLink("out", to: bench.directory.string)
            through.hardLink("stolen", to: "out/secret")
            #expect(try bench.failure(through)?.code == .missingLinkTarget)
            // A link to a link is a link, never what it points to.
            var link = TarArchive()
            link.symbolicLink("out", to: bench.directory.appending("secret").string)
            link.hardLink("stolen", to: "out")
            try bench.add(link)
            #expect(Files.link(bench.path(0).appending("stolen")) != nil)
        }
    }

    @Test(arguments: [true, false])
    func `an absolute name and a link on the way stay inside`(_ absolute: Bool) async throws {
        try await bench { bench throws in
            let outside = bench.directory.appending("outside")
            try TestDirectory.create(outside)
            var archive = TarArchive()
            archive.file(bench.directory.appending("absolute").string, text: "a")
            archive.symbolicLink("out", to: absolute ? outside.string : "../../../../../../../../../.." + outside.string)
            archive.file("out/x", text: "x")
            archive.symbolicLink("final", to: outside.appending("y").string)
            archive.file("final", text: "not through the link")
            try bench.add(archive)
            #expect(Files.names(in: outside) == [])
            #expect(!Files.exists(bench.directory.appending("absolute")))
            let root = bench.path(0)
            #expect(try Files.text(FilePath(root.string + outside.string).appending("x")) == "x")
            #expect(try Files.text(root.appending("final")) == "not through the link")
        }
    }

    @Test func `a directory that becomes a link between two entries leads nowhere`() async throws {
        try await bench { bench throws in
            let outside = bench.directory.appending("outside")
            try TestDirectory.create(outside)
            var archive = TarArchive()
            archive.directory("a")
            archive.directory("a/b")
            archive.file("a/b/1", text: "1")
            archive.symbolicLink("a/b", to: outside.string)
            archive.file("a/b/2", text: "2")
            archive.symbolicLink("a", to: outside.string)
            archive.file("a/b/3", text: "3")
            archive.directory("a/c")
            archive.hardLink("a/c/4", to: "a/b/3")
            try bench.add(archive)
            #expect(Files.names(in: outside) == [])
        }
    }

    @Test func `loops of links end`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.symbolicLink("a", to: "b")
            archive.symbolicLink("b", to: "a")
            archive.file("a/x", text: "x")
            #expect(try bench.failure(archive)?.code == .linkLoop)
        }
    }

    @Test func `attributes of overlayfs are the image's only when escaped, its whiteout device is refused`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory("d")
            archive.file(
                "x", text: "x", attributes: ["trusted.overlay.opaque": [0x79], "trusted.overlay.redirect": [0x2f]], owner: 0)
            try bench.add(archive)
            let path = bench.path(0).appending("x")
            #expect(attribute("trusted.overlay.opaque", of: path) == nil && attribute("trusted.overlay.redirect", of: path) == nil)
            #expect(attribute("trusted.overlay.overlay.opaque", of: path) == [0x79])
            #expect(attribute("trusted.overlay.overlay.redirect", of: path) == [0x2f])
            var device = TarArchive()
            device.add(.characterDevice, "gone", major: 0, minor: 0)
            #expect(try bench.failure(device)?.code == .unsupportedEntry)
        }
    }

    @Test(arguments: [".wh.", ".wh..", ".wh...", "d/.wh.", ".wh.d/x", ".wh.d/.wh.x", ".wh..wh..opq/x", "d/.wh.a/.wh..wh..opq"])
    func `whiteouts of nothing are refused`(_ path: String) async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory("d")
            archive.file(path)
            #expect(try bench.failure(archive)?.code == .badWhiteout)
        }
    }

    /// Whoever makes a layer of what lies here would take such a name for a removal.
    @Test(arguments: [".wh.x", "d/.wh.x/y", "/.wh..wh..opq", ".wh..wh.aufs/z"], [true, false])
    func `no link makes a mark the name of something`(_ target: String, _ isBelow: Bool) async throws {
        try await bench { bench throws in
            var link = TarArchive()
            link.symbolicLink("l", to: target)
            if isBelow { try bench.add(link) }
            var archive = isBelow ? TarArchive() : link
            archive.file("l/file", text: "x")
            for isKnown in [true, false] {
                guard case .failed(let failure) = try bench.unpack(archive.finished(), lowerIsKnown: isKnown, settles: true) else {
                    Issue.record("it was accepted")
                    return
                }
                #expect(failure.code == .badWhiteout)
            }
            var hard = TarArchive()
            hard.file("file", text: "x")
            hard.hardLink("h", to: target)
            #expect(try bench.failure(hard)?.code == .badWhiteout)
        }
    }

    @Test func `what lies in aufs's own directories means nothing`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory(".wh..wh.plnk")
            archive.file(".wh..wh.plnk/123.45", text: "x")
            archive.directory(".wh..wh.orph/.wh.a")
            archive.file(".wh..wh.aufs")
            archive.file("file", text: "x")
            try bench.add(archive)
            #expect(Files.names(in: bench.path(0)) == ["file"])
        }
    }

    /// Such a layer stands by itself: nothing below is asked.
    @Test func `aufs's hard links are names of one file`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory(".wh..wh.plnk")
            archive.file(".wh..wh.plnk/12.34", text: "x", mode: 0o640)
            archive.file(".wh..wh.plnk/.wh.56", text: "y")
            archive.hardLink("a", to: ".wh..wh.plnk/12.34")
            archive.hardLink("d/b", to: "/.wh..wh.plnk/12.34")
            try bench.add(archive)
            #expect(Files.names(in: bench.path(0)) == ["a", "d"])
            var (one, other) = (stat(), stat())
            #expect(lstat(bench.path(0).appending("a").string, &one) == 0 && lstat(bench.path(0).appending("d/b").string, &other) == 0)
            #expect(one.st_ino == other.st_ino && one.st_nlink == 2 && one.st_mode & 0o7777 == 0o640)
            #expect(try Files.text(bench.path(0).appending("d/b")) == "x")
        }
    }

    /// The file did not come, came later, is a directory, or lies elsewhere.
    @Test(arguments: ["plnk/99", "plnk/late", "plnk/folder", "plnk/.wh.x", "plnk", "d"])
    func `aufs's hard links to nothing are refused`(_ place: String) async throws {
        let target = place == "d" ? "d/.wh..wh.plnk/1" : ".wh..wh." + place
        try await bench { bench throws in
            var archive = TarArchive()
            archive.file(".wh..wh.plnk/1", text: "x")
            archive.directory(".wh..wh.plnk/folder")
            archive.file("d/.wh..wh.plnk/1", text: "x")
            archive.hardLink("a", to: target)
            archive.file(".wh..wh.plnk/late", text: "x")
            let isMark = ["plnk/.wh.x", "plnk", "d"].contains(place)
            #expect(try bench.failure(archive)?.code == (isMark ? .badWhiteout : .missingLinkTarget))
        }
    }

    /// Its entries lead into aufs's directory neither by their own names nor through links.
    @Test func `nothing else gets into aufs's directory`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.file(".wh..wh.plnk/1", text: "x")
            archive.symbolicLink(".wh..wh.plnk/2", to: "/")
            archive.file(".wh..wh.plnk/2/z", text: "x")
            archive.symbolicLink("l", to: ".wh..wh.plnk")
            archive.file("l/1", text: "y")
            #expect(try bench.failure(archive)?.code == .badWhiteout)
        }
    }

    @Test func `a file where a directory has to be is refused`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.file("f", text: "f")
            archive.file("f/x", text: "x")
            #expect(try bench.failure(archive)?.code == .parentNotDirectory)
        }
    }

    @Test func `limits are kept`() async throws {
        try await bench { bench throws in
            var limits = UnpackLimits()
            limits.entries = 3
            var many = TarArchive()
            for number in 0..<4 { many.file("\(number)") }
            #expect(try bench.failure(many, limits: limits)?.code == .tooManyEntries)
            limits = UnpackLimits()
            limits.pathDepth = 5
            var deep = TarArchive()
            deep.file("a/b/c/d/e/f")
            #expect(try bench.failure(deep, limits: limits)?.code == .pathTooLong)
            var long = TarArchive()
            long.file(String(repeating: "n", count: 256))
            #expect(try bench.failure(long)?.code == .pathTooLong)
            limits = UnpackLimits()
            limits.totalBytes = 4096
            var large = TarArchive()
            large.file("x", [UInt8](repeating: 1, count: 8192))
            #expect(try bench.failure(large, limits: limits)?.code == .tooLarge)
            limits = UnpackLimits()
            limits.fileSize = 100
            #expect(try bench.failure(large, limits: limits)?.code == .tooLarge)
            limits = UnpackLimits()
            limits.attributeBytes = 100
            var attributes = TarArchive()
            attributes.file("x", text: "x", attributes: ["user.a": [UInt8](repeating: 65, count: 200)], owner: 0)
            #expect(try bench.failure(attributes, limits: limits)?.code == .attributesTooLarge)
        }
    }

    @Test func `sparse files have a bounded number of segments`() async throws {
        try await bench { bench throws in
            let file = bench.directory.appending("sparse")
            let descriptor = try FileDescriptor.open(file, .writeOnly, options: .create, permissions: [.ownerReadWrite])
            // Data at every second MiB.
            for segment in 0..<20 { _ = try descriptor.writeAll(toAbsoluteOffset: Int64(segment) << 21, [1, 2, 3]) }
            try descriptor.close()
            for format in [["--format=gnu"], ["--format=pax", "--sparse-version=0.1"], ["--format=pax", "--sparse-version=1.0"]] {
                let archive = try Command(["tar", "-c", "-S"] + format + ["-C", bench.directory.string, "sparse"]).run().output
                #expect(archive.count < 1 << 20)
                var limits = UnpackLimits()
                limits.sparseSegments = 10
                guard case .failed(let failure) = try bench.unpack(archive, limits: limits) else {
                    Issue.record("\(format) was accepted")
                    continue
                }
                #expect(failure.code == .tooManySegments)
                guard case .done = try bench.unpack(archive) else {
                    Issue.record("\(format) was refused")
                    continue
                }
                let unpacked = bench.path(bench.layers.count - 1).appending("sparse")
                try Command.run("cmp", unpacked.string, file.string)
                // Holes stay holes.
                #expect(try #require(FileFacts(unpacked)).blocks < 4096)
            }
        }
    }

    @Test func `damage anywhere in a small archive is an error or a layer, never a crash`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory("d")
            archive.file("d/x", text: "hello", attributes: ["user.k": Array("v".utf8)], owner: 0)
            archive.hardLink("y", to: "d/x")
            let bytes = archive.finished()
            var generator = SystemRandomNumberGenerator()
            for _ in 0..<300 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
                }
                _ = try LayerBench(bench.directory).unpack(damaged)
            }
        }
    }
}

extension TarArchive {
    mutating func file(_ path: String, text: String, attributes: [String: [UInt8]], owner: UInt32) {
        file(path, Array(text.utf8), owner: owner, attributes: attributes)
    }
}
