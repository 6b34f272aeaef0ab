package import LinuxSystem
package import SystemPackage

/// Why a layer was not unpacked: data, from which the host makes its error.
package struct UnpackFailure: Error, Sendable, Hashable {
    /// The kind of failure. The number is part of the frame.
    package enum Code: UInt16, Sendable, Hashable, CaseIterable {
        /// The request or its descriptors are not what the host side writes.
        case badRequest = 1
        /// The bytes are compressed in another way than the media type says.
        case wrongCompression = 2
        /// The compressed stream is damaged: header, data, CRC32 or ISIZE.
        case damagedStream = 3
        /// The compressed stream, or the archive in it, ends too early.
        case truncatedStream = 4
        /// Bytes that are neither a member nor padding follow the compressed stream.
        case trailingGarbage = 5
        /// A zstd frame asks for a window above the limit. `detail` is unused.
        case windowTooLarge = 6
        /// The archive is no tar archive, or a header is damaged.
        case damagedArchive = 7
        /// A path holds `..`, or is empty.
        case escapingPath = 8
        /// A path or link target passes the limits.
        case pathTooLong = 9
        /// More entries than allowed.
        case tooManyEntries = 10
        /// More bytes than allowed, in the whole layer or in one file.
        case tooLarge = 11
        /// The compression ratio passes the limit.
        case compressionBomb = 12
        /// Extended attributes of an entry pass the limit.
        case attributesTooLarge = 13
        /// An extended attribute that belongs to overlayfs, not to an image.
        case forbiddenAttribute = 14
        /// A kind of entry that a layer cannot hold (a device 0:0, which is overlay's whiteout).
        case unsupportedEntry = 15
        /// A whiteout whose name names nothing.
        case badWhiteout = 16
        /// A hard link to a path that neither this layer nor one below has, or to a directory.
        case missingLinkTarget = 17
        /// A parent of an entry is no directory.
        case parentNotDirectory = 18
        /// Too many symbolic links on the way to an entry.
        case linkLoop = 19
        /// The layer needs the layers below, which were not given.
        case belowNeeded = 20
        /// The archive's digest is not the diff ID.
        case wrongDiffID = 21
        /// The blob holds another number of bytes than said.
        case wrongBlobSize = 22
        /// A system call failed: `errno`.
        case system = 23
        /// No memory for a decoder.
        case outOfMemory = 24
    }

    package var code: Code
    /// The name of the entry as the archive has it; empty where none is to blame.
    package var entry: [UInt8]
    /// Of the system call that failed, else 0.
    package var errno: Errno
    /// What else there is to say, as bytes: the digest that was found, an attribute's name, a link's target.
    package var detail: [UInt8]

    package init(_ code: Code, entry: [UInt8] = [], errno: Errno = Errno(rawValue: 0), detail: [UInt8] = []) {
        self.code = code
        self.entry = entry
        self.errno = errno
        self.detail = detail
    }

    static func system(_ errno: Errno, entry: [UInt8] = []) -> UnpackFailure { UnpackFailure(.system, entry: entry, errno: errno) }
}

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
}

/// The one frame that the unpacker sends.
package enum UnpackOutcome: Sendable, Hashable {
    case done(UnpackReport)
    case failed(UnpackFailure)

    package func encoded() -> [UInt8] {
        var writer = FrameWriter()
        switch self {
        case .done(let report):
            writer.append(UInt8(0))
            writer.append(report.entries)
            writer.append(report.bytes)
            writer.append(report.neededBelow)
            writer.append(report.droppedAttributes)
            writer.append(report.microseconds)
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
            var report = UnpackReport()
            report.entries = try reader.read()
            report.bytes = try reader.read()
            report.neededBelow = try reader.readBool()
            report.droppedAttributes = try reader.read()
            report.microseconds = try reader.read()
            self = .done(report)
        case 1:
            guard let code = UnpackFailure.Code(rawValue: try reader.read()) else { throw .invalidValue }
            let errno = Errno(rawValue: try reader.read())
            self = .failed(UnpackFailure(code, entry: try reader.readBytes(), errno: errno, detail: try reader.readBytes()))
        default: throw .invalidValue
        }
        try reader.finish()
    }
}
