internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// The home directory of a user, as the container's own files tell it. See: man 5 passwd.
enum HomeDirectory {
    /// `/` where nothing is known: HOME is always set.
    static func find(uid: UInt32, in root: borrowing ContainerRoot) -> String {
        // The image's file: neither a pipe nor a device is waited for, and no more than what a file of users may have is read.
        guard let file = try? root.open("/etc/passwd", flags: O_RDONLY | O_NONBLOCK | O_NOCTTY) else { return "/" }
        var status = stat()
        guard unsafe ck_fstat(file.rawValue, &status) == 0, status.format == UInt32(S_IFREG),
            let bytes = try? file.readAll(limit: 1 << 20)
        else { return "/" }
        return find(uid: uid, in: bytes) ?? "/"
    }

    /// The sixth field of the first line whose third is the id.
    static func find(uid: UInt32, in bytes: [UInt8]) -> String? {
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 7, omittingEmptySubsequences: false)
            guard fields.count >= 6, UInt32(String(decoding: fields[2], as: UTF8.self)) == uid else { continue }
            guard fields[5].first == UInt8(ascii: "/"), !fields[5].contains(0) else { return nil }
            return String(decoding: fields[5], as: UTF8.self)
        }
        return nil
    }
}

extension ProcessPlan {
    var hasHome: Bool { environment.contains { $0.hasPrefix("HOME=") } }
}
