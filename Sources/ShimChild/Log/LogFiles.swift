internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The files of a logger: `path` is written to, `path.1` is the one before it, and so on.
struct LogFiles {
    private let plan: LogPlan
    private var file: SharedDescriptor
    private var size: UInt64

    init(_ plan: LogPlan) throws(Errno) {
        self.plan = plan
        file = try Self.open(plan.path)
        var status = stat()
        try check(unsafe ck_fstat(file.rawValue, &status))
        size = UInt64(status.st_size)
    }

    private static func open(_ path: String) throws(Errno) -> SharedDescriptor {
        SharedDescriptor(try .open(path, flags: O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, mode: 0o600))
    }

    /// Whole entries. What a full disk does not take is lost: the container goes on.
    mutating func write(_ entries: [UInt8]) {
        if size > 0, size + UInt64(entries.count) > plan.size { rotate() }
        var offset = 0
        while offset < entries.count {
            let count = unsafe entries.withUnsafeBytes { bytes in
                unsafe ck_write(file.rawValue, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
            }
            if count == -Int(EINTR) { continue }
            guard count > 0 else { return }
            offset += count
            size += UInt64(count)
        }
    }

    private mutating func rotate() {
        for index in stride(from: Int(plan.count) - 2, through: 0, by: -1) {
            let old = index == 0 ? plan.path : "\(plan.path).\(index)"
            _ = unsafe ck_renameat2(AT_FDCWD, old, AT_FDCWD, "\(plan.path).\(index + 1)", 0)
        }
        if plan.count < 2 { _ = unsafe ck_unlinkat(AT_FDCWD, plan.path, 0) }
        guard let next = try? Self.open(plan.path) else { return }
        file = next
        size = 0
    }
}
