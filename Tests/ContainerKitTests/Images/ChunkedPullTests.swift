import ContainerKit
import Synchronization
import TestSupport
import Testing

/// A large layer that comes over several connections and is unpacked meanwhile, through the engine.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct ChunkedPullTests {
    private typealias Answer = ScriptedServer.Answer
    private typealias Request = ScriptedServer.Request

    private static let rate = 20 << 20
    /// Of one file; twelve of them do not compress.
    private static let fileSize = 2 << 20

    /// How the registry answers for the layer.
    enum Manner: CaseIterable {
        case servesRanges, breaksInEachPiece, ignoresRanges
    }

    @Test(arguments: Manner.allCases) func unpacksWhatComesInPieces(_ manner: Manner) async throws {
        try await EngineFixture.with { fixture in
            let (image, archive) = Self.image()
            let layout = fixture.base.appending("layout")
            let written = try image.write(layout: layout)
            func blob(_ digest: String) throws -> [UInt8] { try Files.read(layout.appending("blobs/sha256/\(digest.dropFirst(7))")) }
            let manifest = try blob(written.manifest)
            let configuration = try blob(written.configuration)
            let layer = try blob(written.layers[0])
            try #require(layer.count > 24 << 20)
            let path = "/v2/team/app/blobs/\(written.layers[0])"
            let staging = fixture.base.appending("root/layers/ingest")
            let seen = Mutex((pieces: 0, broken: 0, wasUnpacking: false))

            let server = try await ScriptedServer()
            server.answer { request in
                if request.path == "/v2/team/app/manifests/1" {
                    return Answer(headers: [("Content-Type", "application/vnd.oci.image.manifest.v1+json")], body: manifest)
                }
                if request.path == "/v2/team/app/blobs/\(written.configuration)" { return Answer(body: configuration) }
                guard request.path == path else { return .status(404) }
                if manner == .ignoresRanges { return Answer(body: layer, rate: Self.rate) }
                var answer = Answer.file(layer, request, rate: Self.rate)
                guard let range = request.range(of: layer.count), range.count > 1 else { return answer }
                let isUnpacking = range.upperBound == layer.count && Files.names(in: staging) != []
                seen.withLock { seen in
                    seen.pieces += 1
                    seen.wasUnpacking = seen.wasUnpacking || isUnpacking
                    // What is asked for again is short, and comes.
                    if manner == .breaksInEachPiece, range.count > 1 << 20 {
                        seen.broken += 1
                        answer.ending = .cut(after: range.count * 2 / 3)
                    }
                }
                return answer
            }
            var failure: ContainerError?
            do throws(ContainerError) { try await fixture.engine.images.pull("\(server.address)/team/app:1") } catch { failure = error }
            let requests = server.requests(to: path)
            await server.stop()
            if let failure { throw failure }

            let found = seen.withLock { $0 }
            switch manner {
            case .servesRanges:
                // One connection, the question for ranges, and pieces of 2 MiB.
                #expect(found.pieces >= 6 && found.wasUnpacking, "\(found)")
            case .breaksInEachPiece: #expect(found.broken >= 6 && found.pieces >= 2 * found.broken, "\(found)")
            case .ignoresRanges: #expect(requests.count == 2 && requests.count { $0.range(of: layer.count) == nil } == 1)
            }
            // As tar(1) writes it.
            let theirs = fixture.base.appending("tar")
            try Command.run("mkdir", theirs.string)
            try Command.run("tar", "-x", "-p", "--numeric-owner", "-C", theirs.string, input: archive)
            let layers = fixture.base.appending("root/layers/sha256")
            let names = try #require(Files.names(in: layers))
            #expect(names.count == 1)
            #expect(try Self.listing(layers.appending(names[0])) == Self.listing(theirs))
            #expect(try await fixture.engine.images.verify().isClean)
        }
    }

    private static func image() -> (image: TestImage, archive: [UInt8]) {
        var random = SeededGenerator(11)
        var archive = TarArchive()
        for directory in 0..<4 {
            archive.directory("d\(directory)", mode: 0o711, owner: 1000)
            for file in 0..<100 { archive.file("d\(directory)/small-\(file)", text: "\(directory) \(file)", mode: 0o604) }
            for file in 0..<3 {
                let bytes = [UInt8](unsafeUninitializedCapacity: fileSize) { buffer, count in
                    for offset in stride(from: 0, to: fileSize, by: 8) {
                        UnsafeMutableRawBufferPointer(buffer).storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
                    }
                    count = fileSize
                }
                archive.file("d\(directory)/large-\(file)", bytes)
            }
            archive.hardLink("d\(directory)/link", to: "d0/large-0")
            archive.symbolicLink("d\(directory)/symbolic", to: "../d0/large-0")
        }
        let bytes = archive.finished()
        return (TestImage(layers: [bytes]), bytes)
    }

    private static func listing(_ tree: FilePath) throws -> [String] {
        let script = """
            cd "$0" && find . -mindepth 1 -printf '%P %y %m %U %G %T@ %s %n %l\\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum
            """
        let listing = try Command.run("sh", "-c", script, tree.string).standardOutput.split(separator: "\n").map(String.init)
        // A directory's size is its file system's affair.
        return listing.map { line in
            let words = line.split(separator: " ")
            return words.count > 6 && words[1] == "d" ? (words[..<6] + words[7...]).joined(separator: " ") : line
        }
    }
}
