import BundleChild
import SystemPackage
import TestSupport
import Testing

@Suite("Compressed layers", .tags(.privileged), .leakChecked, .needsRoot)
struct CompressionTests {
    private static let archive: [UInt8] = {
        var archive = TarArchive()
        archive.directory("d")
        archive.file("d/x", text: String(repeating: "hello ", count: 500))
        return archive.finished()
    }()

    private func outcome(
        _ compressed: [UInt8], _ compression: LayerCompression = .gzip, of archive: [UInt8] = archive, limits: UnpackLimits = UnpackLimits()
    ) async throws -> UnpackFailure.Code? {
        try await TestDirectory.with("inflate") {
            let bench = try LayerBench($0)
            switch try bench.unpack(archive, compressed: compressed, compression, limits: limits) {
            case .done, .written, .read:
                #expect(Files.exists(bench.path(0).appending("d/x")))
                return nil
            case .failed(let failure): return failure.code
            }
        }
    }

    private func gzip(_ bytes: [UInt8], _ options: String...) throws -> [UInt8] {
        try Command(["gzip", "-c"] + options, input: bytes).run().output
    }

    @Test(arguments: ["-1", "-6", "-9"]) func `gzip of each level`(_ level: String) async throws {
        #expect(try await outcome(gzip(Self.archive, level)) == nil)
    }

    @Test func `several members, cut anywhere in the archive`() async throws {
        for cut in [0, 1, 511, 512, 513, Self.archive.count] {
            let compressed = try gzip(Array(Self.archive[..<cut])) + gzip(Array(Self.archive[cut...]))
            #expect(try await outcome(compressed) == nil, "cut at \(cut)")
        }
    }

    @Test func `every header field`() async throws {
        let plain = try gzip(Self.archive, "-n")
        let body = plain[10...]
        var header = Array(plain[..<10])
        header[3] = 4 | 8 | 16 | 2
        let fields: [UInt8] = [3, 0, 1, 2, 3] + Array("name".utf8) + [0] + Array("comment".utf8) + [0] + [0xaa, 0xbb]
        #expect(try await outcome(header + fields + body) == nil)
        header[3] = 0x20
        #expect(try await outcome(header + body) == .damagedStream)
    }

    @Test func `cut at each byte it is an error`() async throws {
        let compressed = try gzip(Self.archive, "-n")
        try await TestDirectory.with("cut") { directory in
            let bench = try LayerBench(directory)
            for length in 0..<compressed.count {
                let outcome = try bench.unpack(Self.archive, compressed: Array(compressed[..<length]), .gzip)
                guard case .failed(let failure) = outcome else {
                    Issue.record("cut at \(length): accepted")
                    continue
                }
                #expect([.truncatedStream, .wrongCompression].contains(failure.code), "cut at \(length): \(failure)")
            }
        }
    }

    @Test func `padding is fine, rubbish is not`() async throws {
        let compressed = try gzip(Self.archive, "-n")
        #expect(try await outcome(compressed + [UInt8](repeating: 0, count: 700)) == nil)
        #expect(try await outcome(compressed + Array("rubbish".utf8)) == .trailingGarbage)
        #expect(try await outcome(compressed + [0, 0, 0, 1]) == .trailingGarbage)
    }

    @Test func `checksum and length are looked at`() async throws {
        let compressed = try gzip(Self.archive, "-n")
        for offset in 1...8 {
            var damaged = compressed
            damaged[damaged.count - offset] ^= 1
            #expect(try await outcome(damaged) == .damagedStream, "\(offset) from the end")
        }
    }

    @Test func `random bytes of every size inflate to what they were`() async throws {
        for size in [0, 1, 1000, 70_000, 300_000, 1_000_000] {
            var archive = TarArchive()
            archive.directory("d")
            archive.file("d/x", (0..<size).map { _ in UInt8.random(in: 0...255) })
            archive.file("d/y", [UInt8](repeating: 7, count: size))
            let bytes = archive.finished()
            #expect(try await outcome(gzip(bytes), of: bytes) == nil, "\(size)")
        }
    }

    @Test(.needsPrograms("zstd")) func `zstd, several frames, windows above the limit`() async throws {
        let compressed = try Command.run("zstd", "-q", "-c", input: Self.archive).output
        #expect(try await outcome(compressed, .zstd) == nil)
        let half = Self.archive.count / 2
        let two =
            try Command.run("zstd", "-q", "-c", input: Array(Self.archive[..<half])).output
            + [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9] + Command.run("zstd", "-q", "-c", input: Array(Self.archive[half...])).output
        #expect(try await outcome(two, .zstd) == nil)
        for length in stride(from: 0, to: compressed.count, by: 3) {
            let code = try await outcome(Array(compressed[..<length]), .zstd)
            #expect(code == .truncatedStream || code == .wrongCompression, "cut at \(length)")
        }
        #expect(try await outcome(compressed + [1, 2, 3, 4, 5], .zstd) == .trailingGarbage)
        var large = TarArchive()
        large.directory("d")
        large.file("d/x", (0..<20 << 20).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
        let bytes = large.finished()
        let wide = try Command(["zstd", "-q", "-c", "--long=27"], input: bytes).run().output
        #expect(try await outcome(wide, .zstd, of: bytes) == .windowTooLarge)
        var limits = UnpackLimits()
        limits.zstdWindowLog = 27
        #expect(try await outcome(wide, .zstd, of: bytes, limits: limits) == nil)
    }

    @Test func `the media type has to say what the bytes are`() async throws {
        let compressed = try gzip(Self.archive, "-n")
        #expect(try await outcome(compressed, .none) == .wrongCompression)
        #expect(try await outcome(compressed, .zstd) == .wrongCompression)
        #expect(try await outcome(Self.archive, .gzip) == .wrongCompression)
    }

    @Test func `bombs end at the ratio`() async throws {
        var archive = TarArchive()
        archive.directory("d")
        archive.file("d/x", [UInt8](repeating: 0, count: 4 << 20))
        var limits = UnpackLimits()
        limits.ratioFloor = 1 << 20
        limits.compressionRatio = 100
        let bytes = archive.finished()
        #expect(try await outcome(gzip(bytes, "-9"), of: bytes, limits: limits) == .compressionBomb)
    }

    @Test func `the digest covers what follows the archive's end`() async throws {
        let trailing = Self.archive + [UInt8](repeating: 0, count: 5000) + Array("after".utf8)
        #expect(try await outcome(gzip(trailing), of: trailing) == nil)
        #expect(try await outcome(gzip(trailing), of: Self.archive) == .wrongDiffID)
    }

    @Test func `an empty layer is one, with and without its closing blocks`() async throws {
        try await TestDirectory.with("empty") {
            let bench = try LayerBench($0)
            for bytes in [[UInt8](), [UInt8](repeating: 0, count: 1024)] {
                guard case .done(let report) = try bench.unpack(bytes, compressed: gzip(bytes), .gzip) else {
                    Issue.record("\(bytes.count) bytes")
                    continue
                }
                #expect(report.entries == 0)
            }
        }
    }

    @Test func `another size of the blob is noticed`() throws {
        let request = UnpackRequest(compression: .none, blobSize: 5, diffID: [UInt8](repeating: 1, count: 32), lower: ["a", "b"])
        #expect(try UnpackRequest(decoding: request.encoded()) == request)
        for name in ["", ".", "..", "a/b"] {
            var bad = request
            bad.lower = [name]
            #expect(throws: (any Error).self) { try UnpackRequest(decoding: bad.encoded()) }
        }
    }
}
