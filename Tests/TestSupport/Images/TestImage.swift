import Crypto
package import SystemPackage

/// An image made from scratch and written as an OCI image layout (image-spec 1.1, image-layout.md).
package struct TestImage: Sendable {
    package enum Compression: Sendable {
        case none, gzip, zstd
    }

    /// Uncompressed archives, lowest first.
    package var layers: [[UInt8]]
    package var compression = Compression.gzip
    package var entrypoint: [String]?
    package var command: [String]? = ["/bin/sh"]
    package var environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    package var user = ""
    package var workingDirectory = ""
    package var stopSignal: String?
    package var volumes: [String] = []
    package var architecture = TestImage.hostArchitecture

    package init(layers: [[UInt8]]) { self.layers = layers }

    package static var hostArchitecture: String {
        #if arch(arm64)
        "arm64"
        #else
        "amd64"
        #endif
    }

    /// What was written: digests as `sha256:<hex>`.
    package struct Written: Sendable {
        package var layout: FilePath
        package var tag: String
        package var manifest: String
        package var configuration: String
        package var layers: [String]
        package var diffIDs: [String]
    }

    /// Writes the image into the layout at `layout`, which is made, or gets one more tag.
    @discardableResult
    package func write(layout: FilePath, tag: String = "latest") throws -> Written {
        let blobs = layout.appending("blobs").appending("sha256")
        try Command.run("mkdir", "-p", blobs.string)
        var written = Written(layout: layout, tag: tag, manifest: "", configuration: "", layers: [], diffIDs: [])
        var descriptors: [String] = []
        func store(_ bytes: [UInt8]) throws -> String {
            let digest = Self.hex(bytes)
            try Files.write(bytes, to: blobs.appending(digest))
            return "sha256:" + digest
        }
        for layer in layers {
            let compressed = try compress(layer)
            let digest = try store(compressed)
            written.layers.append(digest)
            written.diffIDs.append("sha256:" + Self.hex(layer))
            descriptors.append(#"{"mediaType":"\#(layerType)","digest":"\#(digest)","size":\#(compressed.count)}"#)
        }
        let configuration = Array(configurationJSON(written.diffIDs).utf8)
        written.configuration = try store(configuration)
        let manifest = Array(
            #"""
            {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":\#
            "application/vnd.oci.image.config.v1+json","digest":"\#(written.configuration)","size":\#(configuration.count)},\#
            "layers":[\#(descriptors.joined(separator: ","))]}
            """#.utf8)
        written.manifest = try store(manifest)
        try Files.write(#"{"imageLayoutVersion":"1.0.0"}"#, to: layout.appending("oci-layout"))
        let entry = #"""
            {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\#(written.manifest)","size":\#(manifest.count),\#
            "platform":{"architecture":"\#(architecture)","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"\#(tag)"}}
            """#
        try Files.write(Self.index(at: layout.appending("index.json"), adding: entry), to: layout.appending("index.json"))
        return written
    }

    private var layerType: String {
        let tar = "application/vnd.oci.image.layer.v1.tar"
        return switch compression {
        case .none: tar
        case .gzip: tar + "+gzip"
        case .zstd: tar + "+zstd"
        }
    }

    private func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        switch compression {
        case .none: bytes
        case .gzip: try Command.run("gzip", "-n", "-1", "-c", input: bytes).output
        case .zstd: try Command.run("zstd", "-q", "-1", "-c", input: bytes).output
        }
    }

    private func configurationJSON(_ diffIDs: [String]) -> String {
        var fields = [#""Env":\#(Self.array(environment))"#]
        if let entrypoint { fields.append(#""Entrypoint":\#(Self.array(entrypoint))"#) }
        if let command { fields.append(#""Cmd":\#(Self.array(command))"#) }
        if !user.isEmpty { fields.append(#""User":\#(Self.quoted(user))"#) }
        if !workingDirectory.isEmpty { fields.append(#""WorkingDir":\#(Self.quoted(workingDirectory))"#) }
        if !volumes.isEmpty { fields.append(#""Volumes":{\#(volumes.map { "\(Self.quoted($0)):{}" }.joined(separator: ","))}"#) }
        if let stopSignal { fields.append(#""StopSignal":\#(Self.quoted(stopSignal))"#) }
        return #"""
            {"created":"2024-01-01T00:00:00Z","architecture":"\#(architecture)","os":"linux","config":{\#(fields.joined(separator: ","))},\#
            "rootfs":{"type":"layers","diff_ids":\#(Self.array(diffIDs))}}
            """#
    }

    /// The index with one more entry. Only ever read back in the form it is written here.
    private static func index(at path: FilePath, adding entry: String) -> String {
        let opening = #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":["#
        let existing = (try? Files.text(path)).map { $0.dropFirst(opening.count).dropLast(2) } ?? ""
        return opening + (existing.isEmpty ? "" : existing + ",") + entry + "]}"
    }

    package static func hex(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func array(_ strings: [String]) -> String { "[" + strings.map(quoted).joined(separator: ",") + "]" }

    private static func quoted(_ string: String) -> String {
        var quoted = "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20: quoted += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
