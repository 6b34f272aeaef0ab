internal import LinuxSystem

/// What a layer may cost. Each limit turns a bomb into a typed failure long before memory or disk is gone.
package struct UnpackLimits: Sendable, Hashable {
    /// Entries of the archive, markers included.
    package var entries: UInt64 = 4_000_000
    /// Bytes of one path, and of a symbolic link's target.
    package var pathLength: UInt32 = 4095
    /// Components of one path.
    package var pathDepth: UInt32 = 512
    /// Bytes after inflation, the archive's own headers included.
    package var totalBytes: UInt64 = 64 << 30
    /// Bytes that one file may claim, holes included.
    package var fileSize: UInt64 = 64 << 30
    /// How many bytes one compressed byte may become; looked at once `ratioFloor` bytes have come out.
    package var compressionRatio: UInt64 = 500
    package var ratioFloor: UInt64 = 256 << 20
    /// Bytes of all names and values of extended attributes of one entry.
    package var attributeBytes: UInt64 = 256 << 10
    /// The window a zstd frame may ask for, as a power of two. 23 is 8 MiB, what the format's specification recommends.
    package var zstdWindowLog: UInt32 = 23
    /// Stretches of data between holes in one sparse file.
    package var sparseSegments: UInt32 = 65536
    /// Bytes of memory that the unpacker may have, the zstd window besides.
    package var memory: UInt64 = 1 << 30

    package init() {}

    init(reading reader: inout FrameReader) throws(FrameError) {
        entries = try reader.read()
        pathLength = try reader.read()
        pathDepth = try reader.read()
        totalBytes = try reader.read()
        fileSize = try reader.read()
        compressionRatio = try reader.read()
        ratioFloor = try reader.read()
        attributeBytes = try reader.read()
        zstdWindowLog = try reader.read()
        sparseSegments = try reader.read()
        memory = try reader.read()
    }

    func write(to writer: inout FrameWriter) {
        writer.append(entries)
        writer.append(pathLength)
        writer.append(pathDepth)
        writer.append(totalBytes)
        writer.append(fileSize)
        writer.append(compressionRatio)
        writer.append(ratioFloor)
        writer.append(attributeBytes)
        writer.append(zstdWindowLog)
        writer.append(sparseSegments)
        writer.append(memory)
    }
}
