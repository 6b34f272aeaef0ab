import ContainerKit
import Glibc
import TestSupport

/// Sees through inotify(7) what a program does in its image store, and when.
final class StoreWatch {
    /// What a pull is at, as its files show.
    enum Phase: String, CaseIterable {
        /// Bytes of a blob come.
        case ingest
        /// A blob gets its name: its marker is there.
        case rename
        /// A layer is being written.
        case unpack
        /// A layer has got its name: the next one, which rests on it, is being settled.
        case settle
        /// A new index.json is being written.
        case index

        /// Microseconds from the sign to the kill, at most.
        var longestDelay: UInt32 {
            switch self {
            case .rename, .index: 300
            case .settle: 3000
            case .ingest, .unpack: 15_000
            }
        }
    }

    private let descriptor: Int32
    private var folders: [Int32: Phase] = [:]

    /// - Parameter root: the engine's, whose stores have been opened once.
    init(root: FilePath) throws {
        descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        let created = UInt32(IN_CREATE)
        for (path, events, phase) in [
            ("content/ingest", created | UInt32(IN_MODIFY), Phase.ingest), ("content/unsynced", created, .rename),
            ("layers/ingest", created, .unpack), ("layers/sha256", UInt32(IN_MOVED_TO), .settle), ("content", created, .index),
        ] {
            let watch = inotify_add_watch(descriptor, root.appending(path).string, events)
            guard watch >= 0 else { throw Errno(rawValue: errno) }
            folders[watch] = phase
        }
    }

    deinit { close(descriptor) }

    /// Forgets what was seen.
    func drain() { while !read().isEmpty {} }

    /// Waits for the sign of a phase.
    /// - Returns: false when it did not come within the time.
    func wait(for phase: Phase, milliseconds: Int) -> Bool {
        let deadline = ContinuousClock.now + .milliseconds(milliseconds)
        while ContinuousClock.now < deadline {
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 100) > 0 else { continue }
            if read().contains(phase) { return true }
        }
        return false
    }

    private func read() -> [Phase] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let size = Glibc.read(descriptor, &buffer, buffer.count)
        guard size > 0 else { return [] }
        var seen: [Phase] = []
        var offset = 0
        // struct inotify_event: wd 4, mask 4, cookie 4, len 4, name.
        while offset + 16 <= size {
            let (watch, length) = buffer.withUnsafeBytes {
                ($0.loadUnaligned(fromByteOffset: offset, as: Int32.self), $0.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
            }
            let name = String(decoding: buffer[(offset + 16)..<(offset + 16 + Int(length))].prefix { $0 != 0 }, as: UTF8.self)
            offset += 16 + Int(length)
            guard let phase = folders[watch] else { continue }
            // In `content` other files come and go.
            if phase == .index, !name.hasPrefix(".index.json") { continue }
            seen.append(phase)
        }
        return seen
    }
}
