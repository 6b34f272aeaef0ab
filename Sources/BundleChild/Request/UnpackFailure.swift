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
        /// The name of an extended attribute is none.
        case forbiddenAttribute = 14
        /// A kind of entry that a layer cannot hold (a device 0:0, which is overlay's whiteout).
        case unsupportedEntry = 15
        /// A whiteout that names nothing, or a name with `.wh.` that would be something else than a whiteout.
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
        /// A sparse file has more stretches of data than allowed.
        case tooManySegments = 25

        /// It may be another answer, or none, once the layers below are known.
        package var dependsOnBelow: Bool { [.belowNeeded, .missingLinkTarget, .parentNotDirectory, .linkLoop].contains(self) }
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
