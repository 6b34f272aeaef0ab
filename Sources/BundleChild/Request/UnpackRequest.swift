package import LinuxSystem

/// How a layer is compressed, by its media type. The first bytes are checked against it.
package enum LayerCompression: UInt8, Sendable, Hashable, CaseIterable {
    case none = 0
    case gzip = 1
    case zstd = 2
}

/// What the unpacker is to do. The descriptors travel beside it, in this order: result socket, blob, staging directory, directory of
/// the finished layers.
package struct UnpackRequest: Sendable, Hashable {
    package var compression: LayerCompression
    /// Bytes of the blob as its descriptor says.
    package var blobSize: UInt64
    /// SHA-256 of the archive without compression, 32 bytes.
    package var diffID: [UInt8]
    /// Names of the layers below in the directory of finished layers, topmost first. Nil: not known yet, and the work ends with
    /// `.belowNeeded` when the layer asks for something of them.
    package var lower: [String]?
    package var limits: UnpackLimits

    package init(
        compression: LayerCompression, blobSize: UInt64, diffID: [UInt8], lower: [String]?, limits: UnpackLimits = UnpackLimits()
    ) {
        self.compression = compression
        self.blobSize = blobSize
        self.diffID = diffID
        self.lower = lower
        self.limits = limits
    }

    private static let version: UInt32 = 1

    package func encoded() -> [UInt8] {
        var writer = FrameWriter(capacity: 512)
        writer.append(Self.version)
        writer.append(compression.rawValue)
        writer.append(blobSize)
        writer.append(diffID)
        writer.append(lower != nil)
        writer.append(lower ?? []) { $0.append($1) }
        limits.write(to: &writer)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == Self.version else { throw .version(version) }
        guard let compression = LayerCompression(rawValue: try reader.read()) else { throw .invalidValue }
        self.compression = compression
        blobSize = try reader.read()
        diffID = try reader.readBytes()
        guard diffID.count == 32 else { throw .invalidValue }
        let known = try reader.readBool()
        let names = try reader.readArray { reader throws(FrameError) in try reader.readString() }
        // A name is one component: it may not lead out of the directory of layers.
        guard names.allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != "." && $0 != ".." }) else { throw .invalidValue }
        lower = known ? names : nil
        limits = try UnpackLimits(reading: &reader)
        try reader.finish()
    }
}
