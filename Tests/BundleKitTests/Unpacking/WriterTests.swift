import BundleChild
import Glibc
import SystemPackage
import TestSupport
import Testing

@Suite("Layers in overlay form", .tags(.privileged), .leakChecked, .needsRoot)
struct WriterTests {
    private func bench(_ body: (LayerBench) throws -> Void) async throws {
        try await TestDirectory.with("layers") { try body(try LayerBench($0)) }
    }

    @Test func `keeps kind, mode, owner, time and contents`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.add(.directory, "./", mode: 0o711, owner: 5, group: 6, modified: 1_000_000_000)
            archive.add(.directory, "d/", mode: 0o1751, owner: 7, group: 8, modified: 1_100_000_000)
            archive.add(.file, "d/suid", contents: Array("x".utf8), mode: 0o4755, owner: 1000, group: 1001, modified: 1_200_000_000)
            archive.add(.symbolicLink, "d/link", link: "/etc/passwd", mode: 0o777, owner: 3, group: 4, modified: 1_300_000_000)
            archive.add(.characterDevice, "d/null", mode: 0o666, major: 1, minor: 3)
            archive.add(.blockDevice, "d/disk", mode: 0o660, group: 6, major: 8, minor: 0)
            archive.add(.fifo, "d/fifo", mode: 0o622)
            archive.hardLink("d/other", to: "d/suid")
            let report = try bench.add(archive)
            #expect(report.entries == 8 && !report.neededBelow)
            let root = bench.path(0)
            let top = try #require(FileFacts(root))
            #expect(top.mode == 0o711 && top.user == 5 && top.group == 6 && top.modified == 1_000_000_000)
            let directory = try #require(FileFacts(root.appending("d")))
            #expect(directory.mode == 0o1751 && directory.user == 7 && directory.modified == 1_100_000_000)
            let suid = try #require(FileFacts(root.appending("d/suid")))
            #expect(suid.mode == 0o4755 && suid.user == 1000 && suid.group == 1001 && suid.modified == 1_200_000_000 && suid.links == 2)
            let link = try #require(FileFacts(root.appending("d/link")))
            #expect(link.kind == 0o120000 && link.user == 3 && link.modified == 1_300_000_000)
            #expect(Files.link(root.appending("d/link")) == "/etc/passwd")
            let null = try #require(FileFacts(root.appending("d/null")))
            #expect(null.kind == 0o020000 && null.mode == 0o666 && null.device == 0x103)
            #expect(FileFacts(root.appending("d/disk"))?.kind == 0o060000)
            #expect(FileFacts(root.appending("d/fifo"))?.kind == 0o010000)
            #expect(FileFacts(root.appending("d/other"))?.inode == suid.inode)
        }
    }

    @Test func `writes whiteouts in each order with what they hide`() async throws {
        try await bench { bench throws in
            var below = TarArchive()
            for name in ["a", "b", "c", "e"] {
                below.directory(name)
                below.file("\(name)/old", text: "old")
            }
            try bench.add(below)
            var archive = TarArchive()
            archive.file(".wh.a")
            archive.directory("b")
            archive.file("b/new", text: "new")
            archive.file(".wh.b")
            archive.file(".wh.c")
            archive.directory("c")
            archive.file("c/new", text: "new")
            archive.directory("e")
            archive.file("e/new", text: "new")
            archive.file("e/.wh..wh..opq")
            archive.file("e/later", text: "later")
            archive.file("e/.wh..wh.plnk")
            archive.file(".wh.f")
            archive.file("f", text: "f")
            try bench.add(archive)
            let root = bench.path(1)
            #expect(FileFacts(root.appending("a"))?.isWhiteout == true)
            for name in ["b", "c", "e"] {
                #expect(attribute("trusted.overlay.opaque", of: root.appending(name)) == Array("y".utf8), "\(name)")
                #expect(Files.exists(root.appending(name).appending("new")))
            }
            #expect(Files.exists(root.appending("e/later")))
            #expect(Files.names(in: root.appending("e")) == ["later", "new"])
            #expect(try Files.text(root.appending("f")) == "f")
        }
    }

    @Test func `an opaque root hides each name below`() async throws {
        try await bench { bench throws in
            var below = TarArchive()
            below.directory("a")
            below.directory("b")
            below.file("c", text: "c")
            try bench.add(below)
            var archive = TarArchive()
            archive.file(".wh..wh..opq")
            archive.directory("b")
            #expect(try bench.add(archive).neededBelow)
            let root = bench.path(1)
            #expect(FileFacts(root.appending("a"))?.isWhiteout == true)
            #expect(FileFacts(root.appending("c"))?.isWhiteout == true)
            #expect(attribute("trusted.overlay.opaque", of: root.appending("b")) == Array("y".utf8))
        }
    }

    @Test func `parents that are taken for granted look as they do below`() async throws {
        try await bench { bench throws in
            var below = TarArchive()
            below.add(.directory, "d/", mode: 0o2775, owner: 12, group: 34)
            below.add(.directory, "d/gone/", mode: 0o700, owner: 9)
            below.symbolicLink("lib", to: "usr/lib")
            below.directory("usr")
            below.directory("usr/lib", mode: 0o711)
            try bench.add(below)
            var middle = TarArchive()
            middle.directory("d", mode: 0o2770, owner: 12, group: 34)
            middle.file("d/.wh.gone")
            try bench.add(middle)
            var archive = TarArchive()
            archive.file("d/x", text: "x")
            archive.file("d/gone/y", text: "y")
            archive.file("lib/z.so", text: "z")
            archive.file("fresh/w", text: "w")
            #expect(try bench.add(archive).neededBelow)
            let root = bench.path(2)
            let d = try #require(FileFacts(root.appending("d")))
            #expect(d.mode == 0o2770 && d.user == 12 && d.group == 34)
            let gone = try #require(FileFacts(root.appending("d/gone")))
            #expect(gone.mode == 0o755 && gone.user == 0)
            // The new file is ours in a set-group-id directory, not the directory's group.
            #expect(FileFacts(root.appending("d/x"))?.group == 0)
            #expect(!Files.exists(root.appending("lib")))
            #expect(try Files.text(root.appending("usr/lib/z.so")) == "z")
            #expect(FileFacts(root.appending("usr/lib"))?.mode == 0o711)
            #expect(FileFacts(root.appending("fresh"))?.mode == 0o755)
        }
    }

    @Test func `says that it needs the layers below when they are not known`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.file("d/x", text: "x")
            guard case .failed(let failure) = try bench.unpack(archive.finished(), lowerIsKnown: false) else {
                Issue.record("no failure")
                return
            }
            #expect(failure.code == .belowNeeded)
        }
    }

    @Test func `a hard link to a file below copies it up`() async throws {
        try await bench { bench throws in
            var below = TarArchive()
            below.directory("d")
            below.add(.file, "d/target", contents: Array("text".utf8), mode: 0o4711, owner: 77, attributes: ["user.k": Array("v".utf8)])
            try bench.add(below)
            var archive = TarArchive()
            archive.directory("e")
            archive.hardLink("e/link", to: "d/target")
            #expect(try bench.add(archive).neededBelow)
            let root = bench.path(1)
            let target = try #require(FileFacts(root.appending("d/target")))
            let link = try #require(FileFacts(root.appending("e/link")))
            #expect(target == link && link.links == 2 && link.mode == 0o4711 && link.user == 77)
            #expect(try Files.text(root.appending("e/link")) == "text")
            #expect(attribute("user.k", of: root.appending("d/target")) == Array("v".utf8))
            var missing = TarArchive()
            missing.directory("d")
            missing.file("d/.wh.target")
            missing.hardLink("link", to: "d/target")
            #expect(try bench.failure(missing)?.code == .missingLinkTarget)
            var directory = TarArchive()
            directory.hardLink("link", to: "d")
            #expect(try bench.failure(directory)?.code == .missingLinkTarget)
        }
    }

    @Test func `the later entry of a name counts`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            archive.directory("d", mode: 0o700)
            archive.file("d/x", text: "x")
            archive.symbolicLink("d", to: "/etc")
            archive.file("l", text: "1")
            archive.file("l", text: "22")
            archive.directory("e", mode: 0o700)
            archive.directory("e", mode: 0o750)
            archive.file("f", text: "f")
            archive.directory("f")
            archive.file("f/in", text: "in")
            try bench.add(archive)
            let root = bench.path(0)
            #expect(Files.link(root.appending("d")) == "/etc")
            #expect(try Files.text(root.appending("l")) == "22")
            #expect(FileFacts(root.appending("e"))?.mode == 0o750)
            #expect(try Files.text(root.appending("f/in")) == "in")
        }
    }

    @Test func `capabilities and attributes of users survive a change of owner`() async throws {
        try await bench { bench throws in
            var archive = TarArchive()
            let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            archive.file("ping", text: "x", attributes: ["security.capability": capability, "user.note": Array("n".utf8)], owner: 10)
            archive.file("labelled", text: "x", attributes: ["security.selinux": Array("system_u".utf8)], owner: 0)
            try bench.add(archive)
            #expect(attribute("security.capability", of: bench.path(0).appending("ping")) == capability)
            #expect(attribute("user.note", of: bench.path(0).appending("ping")) == Array("n".utf8))
            #expect(attribute("security.selinux", of: bench.path(0).appending("labelled")) == nil)
        }
    }

    @Test func `long names, names that are no UTF-8 and names in two normal forms stay as they are`() async throws {
        try await bench { bench throws in
            let deep = (0..<30).map { "directory-\($0)" }.joined(separator: "/")
            var archive = TarArchive()
            archive.file("\(deep)/file", text: "deep")
            archive.file("e\u{301}", text: "two")
            archive.file("\u{e9}", text: "one")
            var bytes = archive.bytes
            var raw = TarArchive()
            raw.file("latin-X", text: "latin")
            // A byte above ASCII, checksum mended.
            var header = Array(raw.bytes[..<512])
            header[6] = 0xe9
            for index in 148..<156 { header[index] = 0x20 }
            let sum = header.reduce(0) { $0 + Int($1) }
            let digits = Array(String(sum, radix: 8).utf8)
            let padded = [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0, 0x20]
            header.replaceSubrange(148..<156, with: padded)
            bytes += header + raw.bytes[512...]
            let outcome = try bench.unpack(bytes + [UInt8](repeating: 0, count: 1024))
            guard case .done = outcome else {
                Issue.record("\(outcome)")
                return
            }
            let root = bench.path(0)
            #expect(try Files.text(root.appending("\(deep)/file")) == "deep")
            #expect(Command.find("ls") != nil)
            let listed = try Command.run("ls", "-1", root.string, environment: ["LC_ALL": "C"]).output
            let lines = Set(listed.split(separator: 0x0a).map(Array.init))
            #expect(lines.contains(Array("latin-".utf8) + [0xe9]))
            #expect(lines.contains(Array("e\u{301}".utf8)) && lines.contains(Array("\u{e9}".utf8)))
        }
    }

    @Test(.needsPrograms("tar")) func `GNU sparse files and long names`() async throws {
        try await bench { bench throws in
            let source = bench.directory.appending("source")
            try TestDirectory.create(source)
            let name = String(repeating: "n", count: 200)
            try Command.run("truncate", "-s", "8M", source.appending("sparse").string)
            try Command.run(
                "sh", "-c", "printf end | dd of=\(source.appending("sparse").string) bs=1 seek=5000000 conv=notrunc 2>/dev/null")
            try Files.write("long", to: source.appending(name))
            for format in ["gnu", "pax"] {
                let archive = try Command.run("tar", "-c", "--format=\(format)", "-S", "-C", source.string, ".").output
                let outcome = try bench.unpack(archive)
                guard case .done = outcome else {
                    Issue.record("\(format): \(outcome)")
                    continue
                }
                let root = bench.path(bench.layers.count - 1)
                let facts = try #require(FileFacts(root.appending("sparse")))
                #expect(facts.size == 8 << 20 && facts.blocks < 1000, "\(format)")
                try Command.run("cmp", root.appending("sparse").string, source.appending("sparse").string)
                #expect(try Files.text(root.appending(name)) == "long")
            }
        }
    }

    @Test func `sixty layers of assumed parents`() async throws {
        try await bench { bench throws in
            for number in 0..<60 {
                var archive = TarArchive()
                archive.file("deep/down/below/\(number)", text: "\(number)")
                try bench.add(archive)
            }
            #expect(try Files.text(bench.path(59).appending("deep/down/below/59")) == "59")
        }
    }
}
