import CLinux
import Dispatch
import Foundation
import Glibc
import SystemPackage
import Testing

/// What the tests of inheritance do to a host process, and how they look at what it made.
package enum CarelessHost {
    /// The name of the session keyring that the host is started with.
    package static let planted = "containerkit-planted"

    /// Starts a process with a session keyring that only those see who have it. A thread of its own gives that on and goes.
    package static func startWithKeyring(_ command: Command) throws -> ChildProcess {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: Result<ChildProcess, any Error>?
        let thread = Thread {
            let keyring = ck_keyctl_join_session(planted)
            // All rights to who possesses it, none to its owner, who is root in the container as well. See: man 3 keyctl_setperm.
            _ = ck_keyctl(Int32(KEYCTL_SETPERM), UInt(bitPattern: keyring), 0x3f00_0000, 0)
            result = Result { try ChildProcess(command) }
            done.signal()
        }
        thread.start()
        done.wait()
        return try #require(result).get()
    }

    package static func descendants(of pid: Int32) -> [Int32] {
        let children = (Files.names(in: FilePath("/proc/\(pid)/task")) ?? []).flatMap { thread in
            ((try? Files.text(FilePath("/proc/\(pid)/task/\(thread)/children"))) ?? "").split(separator: " ").compactMap { Int32($0) }
        }
        return children.flatMap { [$0] + descendants(of: $0) }
    }

    /// Whether the bytes are anywhere in the writable memory of a process.
    package static func holds(_ secret: [UInt8], _ pid: Int32) throws -> Bool {
        let memory = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
        try #require(memory >= 0)
        defer { close(memory) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        for line in ProcessView(pid).text("maps").split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix("rw") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2 else { continue }
            var offset = ends[0]
            while offset < ends[1] {
                // Pages that were never touched cannot hold it, and most of a thread's stack was not.
                let wanted = Int(min(ends[1] - offset, UInt64(buffer.count)))
                let count = pread(memory, &buffer, wanted, off_t(offset))
                guard count > 0 else { break }
                if buffer.withUnsafeBytes({ contains(secret, in: $0.prefix(count)) }) { return true }
                offset += UInt64(count == buffer.count ? count - secret.count : count)
            }
        }
        return false
    }

    private static func contains(_ secret: [UInt8], in bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        let bytes = UnsafeRawBufferPointer(rebasing: bytes)
        var start = 0
        while start + secret.count <= bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + start, Int32(secret[0]), bytes.count - start)
        {
            start = base.distance(to: UnsafeRawPointer(found))
            if start + secret.count <= bytes.count, memcmp(base + start, secret, secret.count) == 0 { return true }
            start += 1
        }
        return false
    }
}
