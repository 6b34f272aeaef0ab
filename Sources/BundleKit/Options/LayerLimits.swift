internal import BundleChild
public import OCIModel

/// What a layer may cost that nobody vouches for. A layer that passes one is refused, long before memory or disk is gone.
public struct LayerLimits: Sendable, Hashable {
    /// Entries of its archive, whiteouts included. Four millions by default.
    public var entries: UInt64 = 4_000_000
    /// Bytes of one path, and of a symbolic link's target. 4,095 by default, as for the kernel.
    public var pathLength: UInt32 = 4095
    /// Components of one path. 512 by default.
    public var pathDepth: UInt32 = 512
    /// Bytes after inflation, the archive's headers included. 64 GiB by default.
    public var totalBytes = ByteCount.gibibytes(64)
    /// Bytes that one file may claim, holes included. 64 GiB by default.
    public var fileSize = ByteCount.gibibytes(64)
    /// How many bytes one compressed byte may become, looked at once 256 MiB have come out. 500 by default.
    public var compressionRatio: UInt64 = 500
    /// Bytes of all names and values of extended attributes of one entry. 256 KiB by default.
    public var attributeBytes = ByteCount.kibibytes(256)
    /// Stretches of data between holes in one sparse file. 65,536 by default.
    public var sparseSegments: UInt32 = 65536
    /// The window a zstd frame may ask for, as a power of two. 23 by default: 8 MiB, what the format's specification (RFC 8878) recommends.
    public var zstdWindowLog: UInt32 = 23
    /// Memory that an unpacker's process may have, the zstd window besides. 1 GiB by default.
    public var memory = ByteCount.gibibytes(1)

    /// The defaults.
    public init() {}

    var forUnpacker: UnpackLimits {
        var limits = UnpackLimits()
        limits.entries = entries
        limits.pathLength = pathLength
        limits.pathDepth = pathDepth
        limits.totalBytes = UInt64(clamping: totalBytes.rawValue)
        limits.fileSize = UInt64(clamping: fileSize.rawValue)
        limits.compressionRatio = max(1, compressionRatio)
        limits.attributeBytes = UInt64(clamping: attributeBytes.rawValue)
        limits.sparseSegments = sparseSegments
        limits.zstdWindowLog = min(max(zstdWindowLog, 10), 31)
        limits.memory = UInt64(clamping: memory.rawValue)
        return limits
    }
}
