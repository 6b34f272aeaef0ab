internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// How far a blob has come that is still being downloaded: offsets of eight bytes from a pipe, each larger than the one before. The pipe's
/// end says that the blob is complete.
@safe final class BlobFrontier {
    private let pipe: CInt
    private var offset: UInt64 = 0
    private var isComplete = false
    /// The first bytes of an offset whose rest has not come.
    private var partial: [UInt8] = []
    private let wasRead: (UInt64) -> Void
    private var reported: UInt64 = 0
    private static let step: UInt64 = 1 << 20

    /// Lends the reading end of the pipe.
    /// - Parameter wasRead: told each MiB how much has been read, and when there is nothing more to read.
    init(_ pipe: CInt, wasRead: @escaping (UInt64) -> Void = { _ in }) {
        self.pipe = pipe
        self.wasRead = wasRead
    }

    /// How many bytes may be read at `position`; waits for at least one. All that a file has once the blob is complete.
    func bytesAhead(of position: UInt64) throws(UnpackFailure) -> Int {
        if position >= reported + Self.step || offset <= position && position > reported {
            wasRead(position)
            reported = position
        }
        while !isComplete && offset <= position { try wait() }
        return isComplete ? .max : Int(clamping: offset - position)
    }

    private func wait() throws(UnpackFailure) {
        let pipe = pipe
        var result = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
            repeat { result = unsafe ck_read(pipe, buffer.baseAddress, 4096) } while result == -Int(EINTR)
            count = max(result, 0)
        }
        do throws(Errno) { try check(result) } catch { throw .system(error) }
        if result == 0 {
            isComplete = true
            return
        }
        partial += bytes
        let whole = partial.count / 8 * 8
        guard whole > 0 else { return }
        let last = (whole - 8..<whole).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64(partial[$1]) }
        partial.removeFirst(whole)
        offset = max(offset, last)
    }
}
