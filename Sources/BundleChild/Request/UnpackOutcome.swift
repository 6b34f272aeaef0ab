package import LinuxSystem
internal import SystemPackage

/// What unpacking a layer came to.
package struct UnpackReport: Sendable, Hashable {
    /// Entries of the archive.
    package var entries: UInt64 = 0
    /// Bytes after inflation.
    package var bytes: UInt64 = 0
    /// The layer's form depends on the layers below it, so that it cannot be shared by images with others below.
    package var neededBelow = false
    /// Extended attributes `user.*` that the file system could not store.
    package var droppedAttributes: UInt64 = 0
    /// Microseconds from the first byte to the last system call.
    package var microseconds: UInt64 = 0

    package init() {}

    init(reading reader: inout FrameReader) throws(FrameError) {
        entries = try reader.read()
        bytes = try reader.read()
        neededBelow = try reader.readBool()
        droppedAttributes = try reader.read()
        microseconds = try reader.read()
    }

    func write(to writer: inout FrameWriter) {
        writer.append(entries)
        writer.append(bytes)
        writer.append(neededBelow)
        writer.append(droppedAttributes)
        writer.append(microseconds)
    }
}

/// What the unpacker sends: one frame at its end, before it one `.written` where the layers below are needed, and before that a `.read` now
/// and then where the blob is still on its way.
package enum UnpackOutcome: Sendable, Hashable {
    /// All bytes of the blob before this offset have been read.
    case read(UInt64)
    case done(UnpackReport)
    /// All entries are written and the digest holds. The unpacker waits for a `LowerLayers` to settle the layer on.
    case written(UnpackReport)
    case failed(UnpackFailure)

    package func encoded() -> [UInt8] {
        var writer = FrameWriter()
        switch self {
        case .read(let offset):
            writer.append(UInt8(3))
            writer.append(offset)
        case .done(let report):
            writer.append(UInt8(0))
            report.write(to: &writer)
        case .written(let report):
            writer.append(UInt8(2))
            report.write(to: &writer)
        case .failed(let failure):
            writer.append(UInt8(1))
            writer.append(failure.code.rawValue)
            writer.append(failure.errno.rawValue)
            writer.append(Array(failure.entry.prefix(8192)))
            writer.append(Array(failure.detail.prefix(8192)))
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        switch try reader.read(UInt8.self) {
        case 0:
            self = .done(try UnpackReport(reading: &reader))
        case 3:
            self = .read(try reader.read())
        case 2:
            self = .written(try UnpackReport(reading: &reader))
        case 1:
            guard let code = UnpackFailure.Code(rawValue: try reader.read()) else { throw .invalidValue }
            let errno = Errno(rawValue: try reader.read())
            self = .failed(UnpackFailure(code, entry: try reader.readBytes(), errno: errno, detail: try reader.readBytes()))
        default: throw .invalidValue
        }
        try reader.finish()
    }
}

/// The answer to `.written`.
package struct LowerLayers: Sendable, Hashable {
    /// Names in the directory of finished layers, topmost first.
    package var names: [String]

    package init(_ names: [String]) { self.names = names }

    package func encoded() -> [UInt8] {
        var writer = FrameWriter(capacity: 4096)
        writer.append(names) { $0.append($1) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FrameError) {
        var reader = FrameReader(bytes)
        names = try reader.readArray { reader throws(FrameError) in try reader.readString() }
        // A name is one component: it may not lead out of the directory of layers.
        guard names.allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != "." && $0 != ".." }) else { throw .invalidValue }
        try reader.finish()
    }
}
