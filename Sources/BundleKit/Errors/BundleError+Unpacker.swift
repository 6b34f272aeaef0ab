internal import BundleChild
internal import SystemPackage

extension BundleError {
    /// Rebuilds an error from the data of the unpacker.
    init(_ failure: UnpackFailure, layer: String, expected diffID: String) {
        let entry = failure.entry.isEmpty ? nil : Self.printable(failure.entry)
        let detail = Self.printable(failure.detail)
        let (code, reason): (Code, String) =
            switch failure.code {
            case .badRequest: (.unpackerFailed, "The unpacker did not understand its request, which is a mistake of this package.")
            case .wrongCompression: (.damagedLayer, "It is not compressed as its media type says.")
            case .damagedStream: (.damagedLayer, "The compressed data is damaged.")
            case .truncatedStream: (.damagedLayer, "The data ends too early.")
            case .trailingGarbage: (.damagedLayer, "Bytes that belong to nothing follow the compressed data.")
            case .windowTooLarge:
                (.limitExceeded, "It was compressed by zstd with a window above the limit; raise `zstdWindowLog` if you trust it.")
            case .damagedArchive: (.damagedLayer, "The tar archive is damaged. \(detail)")
            case .escapingPath: (.hostileLayer, "The path leads outside of the root, or is no path at all.")
            case .pathTooLong: (.limitExceeded, "The path or the link's target is too long or too deep.")
            case .tooManyEntries: (.limitExceeded, "It has more entries than the limit allows.")
            case .tooLarge: (.limitExceeded, "It unpacks to more bytes than the limit allows.")
            case .compressionBomb: (.limitExceeded, "It unpacks to far more than its size: a decompression bomb.")
            case .attributesTooLarge: (.limitExceeded, "Its extended attributes are too large. \(detail)")
            case .forbiddenAttribute: (.hostileLayer, "The extended attribute \(detail) has a name that none can have.")
            case .unsupportedEntry: (.hostileLayer, "A layer cannot hold an entry of this kind or owner.")
            case .badWhiteout: (.hostileLayer, "A name that stands for a removal (`.wh.…`) names nothing, or is used for something else.")
            case .missingLinkTarget: (.hostileLayer, "The hard link's target \(detail) is no file of this layer or of one below.")
            case .parentNotDirectory: (.hostileLayer, "A parent of it is no directory.")
            case .linkLoop: (.hostileLayer, "Too many symbolic links lie on the way to it.")
            case .belowNeeded: (.unpackerFailed, "The layers below are needed and not known, which is a mistake of this package.")
            case .wrongDiffID:
                (.digestMismatch, "The unpacked bytes are sha256:\(Self.hex(failure.detail)), but the image promises \(diffID).")
            case .wrongBlobSize: (.digestMismatch, "The blob has another size than its descriptor says.")
            case .system: (.storage, Self.advice(failure.errno) + (detail.isEmpty ? "" : " Attribute: \(detail)."))
            case .outOfMemory: (.unpackerFailed, "No memory is left for a decoder.")
            case .tooManySegments: (.limitExceeded, "A sparse file of it has more stretches of data than the limit allows.")
            }
        self.init(code, .layer(layer, entry: entry), errno: failure.code == .system ? failure.errno : nil, reason)
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Hostile bytes as text that a terminal survives.
    static func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.prefix(512), as: UTF8.self).unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format {
                text += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
    }
}
