internal import CArchive
internal import CLinux
internal import SystemPackage

/// Reads a tar archive from a `LayerStream` by libarchive: the tar reader only, no filters, names as raw bytes.
///
/// libarchive calls back for input; a failure of the stream is kept and thrown in place of libarchive's own.
@safe final class ArchiveReader {
    private let handle: OpaquePointer
    private let stream: LayerStream
    private var failure: UnpackFailure?
    private var ended = false
    /// The first bytes, read before libarchive is asked: an empty stream is an empty layer.
    private var pending: UnsafeRawBufferPointer?

    init(_ stream: LayerStream) throws(UnpackFailure) {
        guard let handle = unsafe archive_read_new() else { throw UnpackFailure(.outOfMemory) }
        unsafe self.handle = handle
        self.stream = stream
        let first = unsafe try self.stream.next()
        if unsafe first.isEmpty {
            ended = true
            return
        }
        unsafe pending = first
        guard unsafe archive_read_support_format_tar(handle) == ARCHIVE_OK else { throw UnpackFailure(.outOfMemory) }
        let result = unsafe archive_read_open(
            handle, Unmanaged.passUnretained(self).toOpaque(), nil,
            { _, context, buffer in
                guard let context = unsafe context, let buffer = unsafe buffer else { return -1 }
                return unsafe Unmanaged<ArchiveReader>.fromOpaque(context).takeUnretainedValue().supply(buffer)
            }, nil)
        if result != ARCHIVE_OK { throw reason() }
    }

    deinit { unsafe archive_read_free(handle) }

    private func supply(_ buffer: UnsafeMutablePointer<UnsafeRawPointer?>) -> Int {
        if let first = unsafe pending {
            unsafe pending = nil
            unsafe buffer.pointee = first.baseAddress
            return first.count
        }
        if failure != nil { return -1 }
        do {
            let bytes = unsafe try stream.next()
            unsafe buffer.pointee = bytes.baseAddress
            return bytes.count
        } catch {
            failure = error
            return -1
        }
    }

    /// What ended the reading.
    private func reason(_ entry: [UInt8] = []) -> UnpackFailure {
        if let failure { return failure }
        let message = unsafe archive_error_string(handle).map { unsafe String(cString: $0) } ?? ""
        let truncated = message.hasPrefix("Truncated")
        return UnpackFailure(truncated ? .truncatedStream : .damagedArchive, entry: entry, detail: Array(message.utf8))
    }

    /// The next entry, valid until the next call; nil at the end of the archive.
    func next() throws(UnpackFailure) -> TarEntry? {
        if ended { return nil }
        var entry: OpaquePointer?
        let result = unsafe archive_read_next_header(handle, &entry)
        switch result {
        case ARCHIVE_EOF:
            ended = true
            return nil
        case ARCHIVE_OK, ARCHIVE_WARN:
            // A warning is a name that is not of this locale, which names of an image never have to be.
            guard let entry = unsafe entry else { throw UnpackFailure(.damagedArchive) }
            return unsafe TarEntry(entry)
        default: throw reason()
        }
    }

    /// The next run of the entry's contents and where in the file it belongs; nil at its end. Holes are left out.
    func block(of entry: [UInt8]) throws(UnpackFailure) -> (bytes: UnsafeRawBufferPointer, offset: Int64)? {
        var start: UnsafeRawPointer?
        var size = 0
        var offset: Int64 = 0
        switch unsafe archive_read_data_block(handle, &start, &size, &offset) {
        case ARCHIVE_EOF: return nil
        case ARCHIVE_OK: return unsafe (UnsafeRawBufferPointer(start: start, count: size), offset)
        default: throw reason(entry)
        }
    }

    /// Reads what follows the end of the archive, which the digest covers, and returns all that was counted.
    func finish() throws(UnpackFailure) -> (digest: [UInt8], produced: UInt64, consumed: UInt64) {
        if let failure { throw failure }
        while true {
            let more = unsafe try stream.next()
            if unsafe more.isEmpty { break }
        }
        return (stream.digest(), stream.produced, stream.consumed)
    }
}
