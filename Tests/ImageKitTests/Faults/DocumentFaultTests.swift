import OCIModel
import TestSupport
import Testing

@testable import ImageKit

@Suite("Manifests and indexes that make no sense", .serialized)
struct DocumentFaultTests {
    /// The tag leads to `document`; the pull fails.
    private func document(
        _ code: ImageError.Code, _ text: [UInt8], type: String? = ScriptedImage.manifestType,
        _ sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try await withPullFixture { fixture in
            fixture.publish(text, type: type, tag: "1")
            try await fixture.expectFailure(code, sourceLocation)
            // Decided by the document alone: nothing else was asked for.
            #expect(fixture.server.requests.count == 1, sourceLocation: sourceLocation)
        }
    }

    private func manifest(_ edit: (inout String) -> Void) -> [UInt8] {
        var text = String(decoding: ScriptedImage(layers: [10]).manifest, as: UTF8.self)
        edit(&text)
        return Array(text.utf8)
    }

    @Test func indexAndManifestAtOnce() async throws {
        let both = manifest { $0.replace(#"{"schemaVersion":2,"#, with: #"{"schemaVersion":2,"manifests":[],"#) }
        try await document(.ambiguousManifest, both)
        try await document(.ambiguousManifest, both, type: ScriptedImage.indexType)
        try await document(.ambiguousManifest, both, type: nil)
    }

    @Test func servedAsSomethingElse() async throws {
        try await document(.ambiguousManifest, ScriptedImage.standard.manifest, type: ScriptedImage.indexType)
        try await document(.ambiguousManifest, ScriptedImage.index(), type: ScriptedImage.manifestType)
        try await document(
            .ambiguousManifest, ScriptedImage.standard.manifest, type: "application/vnd.docker.distribution.manifest.v2+json")
        // It says nothing of itself, and its shape is the other one.
        let silent = manifest { $0.replace(#""mediaType":"\#(ScriptedImage.manifestType)","#, with: "") }
        try await document(.ambiguousManifest, silent, type: ScriptedImage.indexType)
    }

    @Test func unknownMediaTypes() async throws {
        let unknown = "application/vnd.example.thing+json"
        try await document(.unsupportedMediaType, manifest { $0.replace(ScriptedImage.manifestType, with: unknown) }, type: unknown)
        try await document(.unsupportedMediaType, manifest { $0.replace("oci.image.config.v1", with: "cncf.helm.config.v1") })
        try await document(.unsupportedMediaType, manifest { $0.replace("oci.image.layer.v1.tar", with: "oci.image.layer.v1.cpio") })
    }

    @Test func schemaOne() async throws {
        let text = #"{"schemaVersion":1,"name":"team/app","tag":"1","architecture":"amd64","fsLayers":[],"history":[]}"#
        for type in ["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json", nil] {
            try await document(.unsupportedMediaType, Array(text.utf8), type: type)
        }
    }

    @Test(arguments: [
        "", "null", "[]", "\"text\"", "{", #"{"schemaVersion":2}"#, #"{"schemaVersion":2,"layers":[]}"#,
        #"{"schemaVersion":2,"manifests":{}}"#, #"{"schemaVersion":"2","manifests":[]}"#, "<html>Sign in</html>",
    ]) func malformed(text: String) async throws {
        try await document(.malformedDocument, Array(text.utf8), type: nil)
    }

    @Test func malformedDescriptors() async throws {
        let escape = #""sha256:../../../../etc/passwd""#
        let digest = #""\#(ScriptedImage.digest(ScriptedImage(layers: [10]).layers[0]))""#
        try await document(.malformedDocument, manifest { $0.replace(digest, with: escape) })
        try await document(.malformedDocument, manifest { $0.replace(#""size":10"#, with: #""size":-1"#) })
        try await document(.malformedDocument, manifest { $0.replace(#""size":10"#, with: #""size":1e30"#) })
    }

    /// Two members of one name: some readers take the first, others the last.
    @Test func duplicateMembers() async throws {
        try await document(
            .malformedDocument, manifest { $0.replace(#"{"schemaVersion":2,"#, with: #"{"schemaVersion":2,"schemaVersion":2,"#) })
        try await document(.malformedDocument, manifest { $0.replace(#""size":10"#, with: #""size":10,"size" : 11"#) })
        // Spelt in another way.
        try await document(.malformedDocument, manifest { $0.replace(#""layers":["#, with: #""l\u0061yers":[],"layers":["#) })
        #expect(DuplicateMembers.first(in: Array(#"{"a":{"a":[{"b":1},{"b":2}]},"b":"\"a\":","c":["a","a"]}"#.utf8)) == nil)
        #expect(DuplicateMembers.first(in: Array(#"{"a":[],"b":{"x":{},"x":1}}"#.utf8)) == "x")
        for text in ["", "{", "\"", "{\"a\\", "]]}}", "{\"a\":1,\"a", "{\"\\u00"] { _ = DuplicateMembers.first(in: Array(text.utf8)) }
    }

    /// Layers that are to be fetched from elsewhere are refused, and an address in a descriptor is never asked.
    @Test func foreignLayers() async throws {
        for type in ["docker.image.rootfs.foreign.diff.tar.gzip", "oci.image.layer.nondistributable.v1.tar+gzip"] {
            try await document(.unsupportedMediaType, manifest { $0.replace("oci.image.layer.v1.tar", with: type) })
        }
        try await withCleanup { cleanup in
            let elsewhere = try await ScriptedServer()
            cleanup.add { await elsewhere.stop() }
            try await withPullFixture { fixture in
                let layer = fixture.image.layers[0]
                let digest = #""digest":"\#(ScriptedImage.digest(layer))""#
                var text = String(decoding: fixture.image.manifest, as: UTF8.self)
                text.replace(digest, with: digest + #","urls":["http://\#(elsewhere.address)/layer"]"#)
                fixture.publish(Array(text.utf8), tag: "1")
                fixture.override(PullFixture.blobPath(layer), .status(404))
                try await fixture.expectFailure(.notFound, naming: ScriptedImage.digest(layer), missing: layer)
                #expect(elsewhere.requests.isEmpty)
            }
        }
    }

    @Test func deepNesting() async throws {
        let text = String(repeating: #"{"manifests":"#, count: 100_000)
        try await document(.malformedDocument, Array(text.utf8), type: nil)
    }

    @Test func contentTypesWithParametersAreUnderstood() async throws {
        for type in ["\(ScriptedImage.manifestType); charset=utf-8", "application/json", "text/plain", nil] {
            try await withPullFixture(ScriptedImage(layers: [10])) { fixture in
                fixture.publish(fixture.image.manifest, type: type, tag: "1")
                try await fixture.pull()
            }
        }
    }

    // MARK: indexes

    private func host(_ document: [UInt8], _ type: String = ScriptedImage.manifestType) -> String {
        ScriptedImage.descriptor(type, document, ScriptedImage.platform(TestImage.hostArchitecture))
    }

    @Test func indexesLeadToThePlatform() async throws {
        try await withPullFixture { fixture in
            let other = ScriptedImage(layers: [7], architecture: "riscv64")
            let index = ScriptedImage.index(
                ScriptedImage.descriptor(ScriptedImage.manifestType, other.manifest, ScriptedImage.platform("riscv64")),
                host(fixture.image.manifest))
            fixture.publish(index, type: ScriptedImage.indexType, tag: "1")
            let image = try await fixture.pull().image
            #expect(image.digest.description == ScriptedImage.digest(index))
            #expect(image.manifestDigest.description == ScriptedImage.digest(fixture.image.manifest))
        }
    }

    @Test func nestedTooDeep() async throws {
        try await withPullFixture { fixture in
            var document = fixture.image.manifest
            var type = ScriptedImage.manifestType
            for _ in 0..<20 {
                document = ScriptedImage.index(host(document, type))
                type = ScriptedImage.indexType
                fixture.publish(document, type: type, tag: "1")
            }
            try await fixture.expectFailure(.malformedDocument)
            #expect(fixture.server.requests.count <= 5)
        }
    }

    /// An index cannot contain its own digest; a server that answers with it all the same is found out by the digest.
    @Test func cyclic() async throws {
        try await withPullFixture { fixture in
            let first = ScriptedImage.index(host(Array("other".utf8), ScriptedImage.indexType))
            fixture.publish(first, type: ScriptedImage.indexType, tag: "1")
            fixture.override(
                PullFixture.path("manifests/\(ScriptedImage.digest(Array("other".utf8)))"),
                ScriptedServer.Answer(headers: [("Content-Type", ScriptedImage.indexType)], body: first))
            try await fixture.expectFailure(.digestMismatch)
        }
    }

    @Test func noImageForThisPlatform() async throws {
        try await withPullFixture { fixture in
            let other = ScriptedImage.descriptor(ScriptedImage.manifestType, fixture.image.manifest, ScriptedImage.platform("s390x"))
            fixture.publish(ScriptedImage.index(other), type: ScriptedImage.indexType, tag: "1")
            let failure = try await fixture.expectFailure(.noMatchingPlatform)
            #expect(failure?.description.contains("linux/s390x") == true)
        }
        try await withPullFixture { fixture in
            fixture.publish(ScriptedImage.index(), type: ScriptedImage.indexType, tag: "1")
            try await fixture.expectFailure(.noMatchingPlatform)
        }
    }

    /// A manifest without an index says in its configuration what it is for.
    @Test func aSingleImageForAnotherPlatform() async throws {
        try await withPullFixture(ScriptedImage(layers: [10], architecture: "s390x")) { fixture in
            let failure = try await fixture.expectFailure(.noMatchingPlatform)
            #expect(failure?.description.contains("linux/s390x") == true)
            let asked = try await fixture.puller.pull(fixture.reference, platform: Platform(architecture: "s390x"))
            #expect(asked.image.configuration.architecture == "s390x")
        }
    }

    @Test func indexEntriesWithAnotherSize() async throws {
        for size in [1, 1_000_000] {
            try await withPullFixture { fixture in
                let document = fixture.image.manifest
                let entry = host(document).replacing("\"size\":\(document.count)", with: "\"size\":\(size)")
                fixture.publish(ScriptedImage.index(entry), type: ScriptedImage.indexType, tag: "1")
                try await fixture.expectFailure(size == 1 ? .oversizedBody : .shortBody)
            }
        }
    }

    @Test func configurationWithAnotherNumberOfLayers() async throws {
        try await withPullFixture(ScriptedImage(layers: [10, 20])) { fixture in
            let image = ScriptedImage(layers: [10])
            let text = String(decoding: fixture.image.manifest, as: UTF8.self)
                .replacing(ScriptedImage.digest(fixture.image.configuration), with: ScriptedImage.digest(image.configuration))
                .replacing("\"size\":\(fixture.image.configuration.count)", with: "\"size\":\(image.configuration.count)")
            fixture.publish(blob: image.configuration)
            fixture.publish(Array(text.utf8), tag: "1")
            try await fixture.expectFailure(.malformedDocument)
        }
    }
}
