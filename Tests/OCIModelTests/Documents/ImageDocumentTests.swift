import FoundationEssentials
import OCIModel
import TestSupport
import Testing

/// Documents of image-spec 1.1: decoded, encoded again, and judged by its schemas.
@Suite("Documents of images", .needsSchemas) struct ImageDocumentTests {
    static let hex = String(repeating: "0123456789abcdef", count: 4)
    static let descriptor =
        #"{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:\#(hex)","size":32654"#
    static let platform = #"{"os":"linux","architecture":"arm64","variant":"v8","os.version":"10.0.14393.1066","os.features":["win32k"]}"#

    static let manifest = #"""
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",
        "artifactType":"application/vnd.example+type",
        "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha512:\#(hex)\#(hex)","size":0},
        "layers":[\#(descriptor)},
        \#(descriptor),"urls":["https://layers.test/1"],"annotations":{"a":"b"},"artifactType":"text/plain","data":"aGVsbG8="}],
        "subject":\#(descriptor)},"annotations":{"com.example.key1":"value1","com.example.key2":""}}
        """#

    static let index = #"""
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"application/vnd.example+type",
        "manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\#(hex)","size":9223372036854775807,
        "platform":\#(platform)}],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:\#(hex)","size":1},
        "annotations":{"key":"ключ \"quoted\" \u0000 \ud83d\ude00"}}
        """#

    static let configuration = #"""
        {"created":"2015-10-31T22:22:56.015925234Z","author":"Alyssa P. Hacker","architecture":"amd64","os":"linux","variant":"v1",
        "config":{"User":"alice","ExposedPorts":{"8080/tcp":{},"53/udp":{}},"Env":["PATH=/bin","FOO=oci_is_a","EMPTY="],
        "Entrypoint":["/bin/app"],"Cmd":["--config","/etc/a b"],"Volumes":{"/var/log":{}},"WorkingDir":"/home/alice",
        "Labels":{"com.example.project.git.commit":"45a939b2999782a3f005621a8d0f29aa387e1d6b"},"StopSignal":"SIGRTMIN+3"},
        "rootfs":{"type":"layers","diff_ids":["sha256:\#(hex)","sha256:\#(hex)"]},
        "history":[{"created":"2015-10-31T22:22:54Z","created_by":"/bin/sh -c #(nop) ADD file:x in /","comment":"c","author":"a"},
        {"created":"2015-10-31T22:22:55Z","created_by":"/bin/sh","empty_layer":true}]}
        """#

    /// Nothing that the specification has is lost on the way through a value.
    private func keeps<Value: Codable>(_ type: Value.Type, _ text: String, _ schema: Schema) throws {
        #expect(try schema.complaint(Array(text.utf8)) == nil, "the example itself")
        let value = try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        #expect(try JSONValue(encoding: value).differences(to: JSONValue(text)) == [])
        #expect(try schema.complaint(encoding: value) == nil)
    }

    @Test func manifestIsKept() throws { try keeps(ImageManifest.self, Self.manifest, .manifest) }
    @Test func indexIsKept() throws { try keeps(ImageIndex.self, Self.index, .index) }
    @Test func configurationIsKept() throws { try keeps(ImageConfiguration.self, Self.configuration, .imageConfiguration) }
    @Test func descriptorIsKept() throws { try keeps(Descriptor.self, Self.descriptor + "}", .descriptor) }

    /// What this package makes itself is valid; members without a value are left out, not null.
    @Test func ownDocuments() throws {
        let layer = Descriptor(mediaType: .layerGzip, digest: try Digest("sha256:\(Self.hex)"), size: 1)
        let configuration = ImageConfiguration(architecture: "amd64", rootfs: .init(diffIDs: [layer.digest]))
        let manifest = ImageManifest(
            config: Descriptor(mediaType: .imageConfiguration, digest: layer.digest, size: 2), layers: [layer])
        let index = ImageIndex(manifests: [
            Descriptor(mediaType: .imageManifest, digest: layer.digest, size: 3, annotations: ["a": "b"], platform: .current)
        ])
        #expect(try Schema.imageConfiguration.complaint(encoding: configuration) == nil)
        #expect(try Schema.manifest.complaint(encoding: manifest) == nil)
        #expect(try Schema.index.complaint(encoding: index) == nil)
        #expect(
            try JSONValue(encoding: layer)
                == .object([
                    "mediaType": .string(MediaType.layerGzip.rawValue), "digest": .string(layer.digest.description), "size": .integer(1),
                ]))
    }

    /// The schemas are looked at at all.
    @Test(arguments: Schema.allCases) func schemasRefuse(_ schema: Schema) throws {
        #expect(try schema.complaint(Array("[]".utf8)) != nil)
        #expect(try schema.complaint(Array(#"{"schemaVersion":"2"}"#.utf8)) != nil)
    }

    /// Go writes null where a value is missing, unknown members come with newer versions.
    @Test func lenientWhereOthersAre() throws {
        let text = #"""
            {"schemaVersion":2,"config":\#(Self.descriptor)},"layers":[\#(Self.descriptor),"annotations":null,"urls":null}],
            "annotations":null,"futureMember":{"a":[1]}}
            """#
        let manifest = try JSONDecoder().decode(ImageManifest.self, from: Data(text.utf8))
        #expect(manifest.mediaType == nil)
        #expect(manifest.annotations == nil)
        #expect(manifest.layers[0].size == 32654)
        let configuration = #"""
            {"architecture":"amd64","os":"linux","config":{"Entrypoint":null,"Cmd":null,"Volumes":null,"Labels":null,"Env":null,
            "ExposedPorts":null,"Healthcheck":{"Test":["NONE"]},"OnBuild":null},"rootfs":{"type":"layers","diff_ids":[]},"docker_version":"1"}
            """#
        let decoded = try JSONDecoder().decode(ImageConfiguration.self, from: Data(configuration.utf8))
        var expected = ImageConfiguration.Execution()
        expected.healthcheck = ImageConfiguration.Healthcheck()
        expected.healthcheck?.test = ["NONE"]
        #expect(decoded.config == expected)
    }

    static let unusable = [
        #"{"schemaVersion":2,"config":\#(descriptor)}}"#,
        #"{"schemaVersion":2,"layers":[]}"#,
        #"{"config":\#(descriptor)},"layers":[]}"#,
        #"{"schemaVersion":"2","config":\#(descriptor)},"layers":[]}"#,
        #"{"schemaVersion":2,"config":\#(descriptor)},"layers":{}}"#,
        #"{"schemaVersion":2,"config":\#(descriptor)},"layers":[{}]}"#,
        #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:../../etc/passwd","size":1},"layers":[]}"#,
        #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:\#(hex)","size":9223372036854775808},"layers":[]}"#,
        #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:\#(hex)","size":1.5},"layers":[]}"#,
        #"{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:\#(hex)","size":"1"},"layers":[]}"#,
        #"{"schemaVersion":2,"config":\#(descriptor)},"layers":[]"#,
        "[]", "null", "", "{}",
    ]

    @Test(arguments: unusable) func refusesManifest(_ text: String) {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(ImageManifest.self, from: Data(text.utf8)) }
    }
}
