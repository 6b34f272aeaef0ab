internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// A file that a container appends to, of which the last bytes are kept: what is before them becomes a hole. No byte is copied, and
/// offsets stay what they are.
final class BoundedFile {
    private let file: SharedDescriptor
    private let limit: UInt64
    private var size: UInt64 = 0
    private var watermark: UInt64 = 0
    private var isBoundable = true

    private static let block: UInt64 = 4096

    init(_ plan: LogPlan) throws(Errno) {
        file = SharedDescriptor(try OwnedDescriptor.open(plan.path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600))
        limit = max(plan.size, Self.block)
    }

    /// Makes the hole that is due.
    /// - Returns: milliseconds until the next look: soon while the container writes.
    func keepBound() -> CInt {
        var status = stat()
        guard isBoundable, unsafe ck_fstat(file.rawValue, &status) == 0 else { return -1 }
        let now = UInt64(status.st_size)
        defer { size = now }
        if now < watermark { watermark = 0 }  // It truncated its file.
        if now > limit {
            let end = (now - limit) / Self.block * Self.block
            if end > watermark {
                do throws(Errno) {
                    let start = watermark
                    try file.withDescriptor { file throws(Errno) in try file.punchHole(from: Int64(start), to: Int64(end)) }
                    watermark = end
                } catch { if error.rawValue == EOPNOTSUPP { isBoundable = false } }
            }
        }
        return now == size ? 2000 : 100
    }
}
