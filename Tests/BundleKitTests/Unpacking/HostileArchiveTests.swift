import BundleChild
import Glibc
import SystemPackage
import TestSupport
import Testing

/// Archives that no tool writes.
@Suite("Hostile archives", .tags(.privileged), .leakChecked, .needsRoot)
struct HostileArchiveTests {
    private func bench(_ body: (LayerBench) throws -> Void) async throws {
        try await TestDirectory.with("hostile") { try body(try LayerBench($0)) }
    }

    /// A header with fields as they are given.
    private func header(
        _ name: String, type: Character = "0", size: [UInt8] = Array("00000000000".utf8), _ change: (inout [UInt8]) -> Void = { _ in }
    ) -> [UInt8] {
        var archive = TarArchive()
        archive.file(name, text: "")
        var header = Array(archive.finished()[..<512])
        header[156] = type.asciiValue ?? 0x30
        header.replaceSubrange(124..<124 + size.count, with: size)
        change(&header)
        header.replaceSubrange(148..<156, with: Array("        ".utf8))
        let sum = String(header.reduce(0) { $0 + Int($1) }, radix: 8)
        header.replaceSubrange(148..<156, with: Array(String(repeating: "0", count: 6 - sum.count).utf8) + Array(sum.utf8) + [0, 0x20])
        return header
    }

    private func octal(_ value: Int) -> [UInt8] {
        let digits = String(value, radix: 8)
        return Array((String(repeating: "0", count: 11 - digits.count) + digits).utf8)
    }

    private func block(_ text: [UInt8]) -> [UInt8] { text + [UInt8](repeating: 0, count: (512 - text.count % 512) % 512) }

    private func pax(_ records: [(String, String)]) -> [UInt8] {
        let body = records.flatMap { key, value in
            let rest = " \(key)=\(value)\n"
            var length = rest.utf8.count + 1
            while String(length).utf8.count + rest.utf8.count != length { length += 1 }
            return Array("\(length)\(rest)".utf8)
        }
        return header("pax", type: "x", size: octal(body.count)) + block(body)
    }

    private let end = [UInt8](repeating: 0, count: 1024)

    /// Refused with a type, or harmless; never more than what is there.
    private func tried(_ bench: LayerBench, _ bytes: [UInt8], limits: UnpackLimits = UnpackLimits()) throws -> UnpackFailure.Code? {
        if case .failed(let failure) = try bench.unpack(bytes, limits: limits) { return failure.code }
        return nil
    }

    @Test(arguments: ["9223372036854775807", "9223372036854775808", "99999999999999999999999", "-1", "1e9", "", "4294967296"])
    func `sizes of pax headers`(_ size: String) async throws {
        try await bench { bench throws in
            let code = try tried(bench, pax([("size", size)]) + header("x", size: octal(3)) + block(Array("abc".utf8)) + end)
            if let code {
                #expect([.tooLarge, .damagedArchive, .truncatedStream].contains(code), "\(code)")
            } else {
                #expect((try #require(FileFacts(bench.path(0).appending("x")))).size <= 512)
            }
        }
    }

    @Test func `sizes of headers in base 256`() async throws {
        try await bench { bench throws in
            let negative = [UInt8](repeating: 0xff, count: 12)
            let huge: [UInt8] = [0x80, 0, 0, 0, 0x7f] + [UInt8](repeating: 0xff, count: 7)
            for size in [negative, huge] { #expect(try tried(bench, header("x", size: size) + end) != nil) }
        }
    }

    @Test func `device numbers that mknod would cut off`() async throws {
        try await bench { bench throws in
            for (major, minor) in [(4096, 0), (1 << 20, 0), (0, 1 << 20), (1, 1 << 20), (2_097_151, 2_097_151)] {
                for kind in [TarArchive.Kind.characterDevice, .blockDevice] {
                    var archive = TarArchive()
                    archive.add(kind, "device", major: UInt32(major), minor: UInt32(minor))
                    #expect(try bench.failure(archive)?.code == .unsupportedEntry, "\(major):\(minor)")
                }
            }
            let large = header("device", type: "3") { $0.replaceSubrange(329..<337, with: [0x80, 0, 1, 0, 0, 0, 0, 0]) }
            #expect(try tried(bench, large + end) == .unsupportedEntry)
        }
    }

    @Test(arguments: ["-1", "4294967295", "4294967296", "18446744073709551615"]) func `owners that are none`(_ id: String) async throws {
        try await bench { bench throws in
            for key in ["uid", "gid"] {
                let code = try tried(bench, pax([(key, id)]) + header("x") + end)
                // A parser may call it a damaged header; what it may not do is leave the file to us under another id.
                if code == nil {
                    let facts = try #require(FileFacts(bench.path(bench.layers.count - 1).appending("x")))
                    #expect((key == "uid" ? facts.user : facts.group) != UInt32.max)
                }
            }
        }
    }

    @Test func `maps of sparse files that lie`() async throws {
        try await bench { bench throws in
            let maps = [
                [("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "50,512")],
                [("GNU.sparse.size", "1024"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "512,256,0,256")],
                [("GNU.sparse.size", "1024"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,512,100,512")],
                [("GNU.sparse.size", "1152921504606846976"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "0,512")],
                [("GNU.sparse.size", "-1"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.map", "-5,512")],
                [("GNU.sparse.size", "512"), ("GNU.sparse.map", "9223372036854775807,1")],
                [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9223372036854775807")],
            ]
            for map in maps {
                let bytes = pax(map) + header("x", size: octal(512)) + [UInt8](repeating: 0x31, count: 512) + end
                if try tried(bench, bytes) == nil {
                    let facts = try #require(FileFacts(bench.path(bench.layers.count - 1).appending("x")))
                    #expect(facts.size <= 1024, "\(map)")
                }
            }
        }
    }

    @Test func `long names, long links and headers that promise more than there is`() async throws {
        try await bench { bench throws in
            let name = [UInt8](repeating: 0x61, count: 1 << 20)
            for type: Character in ["L", "K"] {
                let code = try tried(
                    bench, header("././@LongLink", type: type, size: octal(name.count)) + block(name) + header("x", type: "2") + end)
                #expect(code != nil)
                #expect(try tried(bench, header("././@LongLink", type: type, size: octal(1 << 31)) + end) != nil)
            }
            #expect(try tried(bench, header("pax", type: "x", size: octal(1 << 31)) + end) != nil)
            // A record that counts more than there is says nothing.
            _ = try tried(bench, header("pax", type: "x", size: octal(512)) + block(Array("9999999 path=y\n".utf8)) + header("x") + end)
            #expect(!Files.exists(bench.directory.appending("layers/layer0/y")))
        }
    }

    @Test func `millions of entries end at the limit`() async throws {
        try await bench { bench throws in
            var limits = UnpackLimits()
            limits.entries = 1000
            var whiteouts = TarArchive()
            for number in 0...1000 { whiteouts.file(".wh.\(number)") }
            #expect(try bench.failure(whiteouts, limits: limits)?.code == .tooManyEntries)
            var same = TarArchive()
            for _ in 0...1000 { same.directory("d") }
            #expect(try bench.failure(same, limits: limits)?.code == .tooManyEntries)
        }
    }

    @Test(arguments: [false, true]) func `a directory that a layer swaps for a link leads later layers nowhere`(_ settles: Bool)
        async throws
    {
        try await bench { bench throws in
            let outside = bench.directory.appending("outside")
            try TestDirectory.create(outside)
            var first = TarArchive()
            first.directory("d")
            first.file("d/old", text: "old")
            try bench.add(first)
            var second = TarArchive()
            second.symbolicLink("d", to: outside.string)
            second.symbolicLink("up", to: "../../../../../..")
            try bench.add(second)
            var third = TarArchive()
            third.file("d/new", text: "new")
            third.file("d/.wh.old")
            third.hardLink("d/hard", to: "up\(outside.string)/none")
            third.file("up\(outside.string)/through", text: "t")
            _ = try bench.unpack(third.finished(), lowerIsKnown: !settles, settles: settles)
            #expect(Files.names(in: outside) == [])
            var fourth = TarArchive()
            fourth.file("d/new", text: "new")
            guard case .done = try bench.unpack(fourth.finished(), lowerIsKnown: !settles, settles: settles) else {
                Issue.record("it was refused")
                return
            }
            #expect(Files.names(in: outside) == [])
            #expect(try Files.text(FilePath(bench.path(bench.layers.count - 1).string + outside.string + "/new")) == "new")
        }
    }
}
