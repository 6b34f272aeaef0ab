import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

/// What strangers write and this program reads in its own memory: each input is refused with a typed error, or means the same when it is
/// written and read again. A crash or a hang is the failure.
@Suite("Fuzzing of names and documents") struct DocumentFuzzTests {
    private static func bytes(_ texts: [String]) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    @Test func references() {
        let corpus = Self.bytes([
            "alpine", "docker.io/library/alpine:3.20", "localhost:5000/team/app@sha256:" + String(repeating: "a", count: 64),
            "[::1]:5000/a/b:tag", "registry.example.com/a-b/c__d/e.f:v1.0_x@sha512:" + String(repeating: "0", count: 128), "a:80/b",
        ])
        let words = Self.bytes([
            "/", ":", "@", "..", "//", "sha256:", "%2e", "[", "]", "ä", "\u{0}", "A", "docker.io/", "library/", "_", "-",
        ])
        FuzzRun.run("references", atLeast: 101) { seed in
            var mutator = Mutator(seed: seed, corpus: corpus, words: words)
            let text = String(decoding: mutator.next(), as: UTF8.self)
            do throws(Reference.ParseError) {
                let reference = try Reference(text)
                #expect((try? Reference(reference.description)) == reference, "\(text.debugDescription), seed \(seed)")
                #expect((try? Reference(reference.familiar)) == reference, "\(text.debugDescription), seed \(seed)")
                let parts = reference.repository.split(separator: "/", omittingEmptySubsequences: false)
                #expect(!parts.contains("..") && !parts.contains("") && !reference.description.utf8.contains(0), "seed \(seed)")
            } catch {
                #expect(error.offset >= 0 && error.offset <= text.utf8.count, "\(text.debugDescription), seed \(seed)")
            }
        }
    }

    @Test func digests() {
        let corpus = Self.bytes([
            "sha256:" + String(repeating: "0123456789abcdef", count: 4), "sha512:" + String(repeating: "fedcba9876543210", count: 8),
        ])
        let words = Self.bytes(["sha256:", "sha512:", "/", "..", "A", "\u{0}", ":", "md5:", "g"])
        FuzzRun.run("digests", atLeast: 101) { seed in
            var mutator = Mutator(seed: seed, corpus: corpus, words: words)
            let text = String(decoding: mutator.next(), as: UTF8.self)
            guard let digest = try? Digest(text) else { return }
            #expect(digest.description == text, "\(text.debugDescription), seed \(seed)")
            #expect(digest.hex.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }, "seed \(seed)")
            #expect([64, 128].contains(digest.hex.utf8.count), "seed \(seed)")
        }
    }

    @Test func manifests() {
        let image = ScriptedImage(layers: [10, 20])
        let index = ScriptedImage.index(
            ScriptedImage.descriptor(ScriptedImage.manifestType, image.manifest, ScriptedImage.platform("amd64")),
            ScriptedImage.descriptor(ScriptedImage.manifestType, image.manifest, ScriptedImage.platform("arm64")))
        let corpus = [image.manifest, index, image.configuration]
        let words = Self.bytes([
            "\"manifests\":[", "\"layers\":[", "\"config\":{", "null", "-1", "1e309", "9223372036854775808", "{}", "[]", "\"\"", "\\u0000",
            "\"mediaType\":\"\",", "\"schemaVersion\":2,", "sha256:../..", ",", "\"", "{", "}", "\u{feff}", "\\ud800", "\"size\":",
        ])
        let subject = ImageError.Subject.path("/fuzz")
        FuzzRun.run("manifests", atLeast: 101) { seed in
            var mutator = Mutator(seed: seed, corpus: corpus, words: words)
            let bytes = mutator.next()
            _ = try? Document.decode(ImageConfiguration.self, bytes, subject)
            guard let document = try? ManifestDocument(bytes, type: nil, subject, allowsArtifacts: seed % 2 == 0) else { return }
            switch document {
            case .manifest(let manifest):
                #expect(([manifest.config] + manifest.layers).allSatisfy { $0.size >= 0 }, "seed \(seed)")
                let again = (try? Document.encode(manifest, subject)).flatMap {
                    try? Document.decode(ImageManifest.self, Array($0.utf8), subject)
                }
                #expect(again == manifest, "seed \(seed)")
            case .index(let index):
                let again = (try? Document.encode(index, subject)).flatMap {
                    try? Document.decode(ImageIndex.self, Array($0.utf8), subject)
                }
                #expect(again == index, "seed \(seed)")
                _ = index.manifest(for: .current)
            }
        }
    }

    /// Archives of `docker save` and OCI layouts as tar, read by the list of their entries.
    @Test func archives() async throws {
        try await withPullFixture(ScriptedImage(layers: [700, 20])) { fixture in
            let reference = try fixture.reference
            try await fixture.pull()
            let path = fixture.directory.appending("whole.tar")
            try await ImageCopier(client: nil).save([reference], of: fixture.store, to: path)
            let corpus = [try Files.read(path)]
            let words = Self.bytes([
                "manifest.json", "../", "index.json", "blobs/sha256/", "00000000777", "77777777777", "x", "g", "L", "1", "2",
            ])
            let damaged = fixture.directory.appending("damaged.tar")
            try FuzzRun.run("archives", atLeast: 21) { seed in
                var mutator = Mutator(seed: seed, corpus: corpus, words: words)
                try Files.write(mutator.next(), to: damaged)
                do throws(ImageError) {
                    for image in try ArchiveContents(damaged).images() { _ = image.names }
                } catch { #expect(error.code != .serverFailed, "\(error), seed \(seed)") }
            }
        }
    }
}
