import OCIModel
import TestSupport

/// An image as documents and blobs in memory. Its layers are bytes without meaning: a pull does not look into them.
struct ScriptedImage: Sendable {
    var layers: [[UInt8]]
    var configuration: [UInt8]
    var manifest: [UInt8]

    static let manifestType = "application/vnd.oci.image.manifest.v1+json"
    static let indexType = "application/vnd.oci.image.index.v1+json"

    /// A small layer, and one that is larger than what is written at once.
    static let standard = ScriptedImage(layers: [3000, 1_300_000])

    init(layers sizes: [Int], architecture: String = TestImage.hostArchitecture) {
        // No two layers are alike, and no two MiB of one.
        layers = sizes.enumerated().map { number, size in
            var bytes: [UInt8] = []
            var line = 0
            while bytes.count < size {
                bytes += Array("layer \(number) of \(sizes.count), line \(line)\n".utf8) + [UInt8](repeating: 0x2e, count: 4000)
                line += 1
            }
            return Array(bytes.prefix(size))
        }
        let diffIDs = layers.map { "\"\(Self.digest($0))\"" }.joined(separator: ",")
        configuration = Array(
            #"{"architecture":"\#(architecture)","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[\#(diffIDs)]}}"#.utf8)
        let entries = layers.map { Self.descriptor("application/vnd.oci.image.layer.v1.tar", $0) }.joined(separator: ",")
        let configurationEntry = Self.descriptor("application/vnd.oci.image.config.v1+json", configuration)
        manifest = Array(
            #"{"schemaVersion":2,"mediaType":"\#(Self.manifestType)","config":\#(configurationEntry),"layers":[\#(entries)]}"#.utf8)
    }

    static func digest(_ bytes: [UInt8]) -> String { "sha256:" + TestImage.hex(bytes) }

    static func descriptor(_ type: String, _ bytes: [UInt8], _ more: String = "") -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest(bytes))","size":\#(bytes.count)\#(more)}"#
    }

    static func index(_ entries: String...) -> [UInt8] {
        Array(#"{"schemaVersion":2,"mediaType":"\#(indexType)","manifests":[\#(entries.joined(separator: ","))]}"#.utf8)
    }

    static func platform(_ architecture: String, _ os: String = "linux") -> String {
        #","platform":{"os":"\#(os)","architecture":"\#(architecture)"}"#
    }
}
