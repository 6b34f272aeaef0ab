internal import Glibc
internal import ShimChild
internal import Synchronization
internal import SystemPackage

extension Container {
    /// What the logger of a container has kept.
    ///
    /// - Parameters:
    ///   - since: only what was read later than this, since 1970.
    ///   - last: only this many lines of what is there now.
    ///   - follow: goes on until the container has ended for good and everything is read.
    /// - Throws: when iterated: `.configurationRefused` for a container without a logger, `.storage`.
    public func logEntries(since: Duration? = nil, last: Int? = nil, follow: Bool = false) -> ContainerLogEntries {
        ContainerLogEntries(container: self, since: since.map { LogEntry.time($0) }, last: last, follow: follow)
    }

    /// Whether a logger keeps its output.
    public var isLogged: Bool { logOptions != nil }
}

/// The lines of a container's log.
public struct ContainerLogEntries: AsyncSequence, Sendable {
    public typealias Element = LogEntry
    let container: Container
    let since: String?
    let last: Int?
    let follow: Bool

    /// Reads on from where it stands.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let sequence: ContainerLogEntries
        private let follower: EntryFollower
        private var ready: ArraySlice<LogEntry> = []
        private var isFirst = true

        init(_ sequence: ContainerLogEntries) {
            self.sequence = sequence
            follower = EntryFollower(sequence.container)
        }

        /// The next entry; nil at the end.
        public mutating func next() async throws -> LogEntry? {
            if isFirst {
                isFirst = false
                if let last = sequence.last { try await skip(to: last) }
            }
            while true {
                if let entry = ready.popFirst() {
                    if let since = sequence.since, entry.time < since { continue }
                    return entry
                }
                guard let entries = try await follower.next(follow: sequence.follow) else { return nil }
                ready = entries[...]
            }
        }

        /// Keeps the last lines of what is there.
        private mutating func skip(to last: Int) async throws {
            var kept: [LogEntry] = []
            while let entries = try await follower.next(follow: false, settles: false) {
                kept += entries
                if kept.count > 2 * last + 4096 { kept = Self.lines(kept, last) }
            }
            ready = Self.lines(kept, last)[...]
        }

        private static func lines(_ entries: [LogEntry], _ last: Int) -> [LogEntry] {
            var lines = 0
            var index = entries.count
            while index > 0 {
                if entries[index - 1].bytes.last == UInt8(ascii: "\n") || index == entries.count {
                    if lines == last { break }
                    lines += 1
                }
                index -= 1
            }
            return Array(entries[index...])
        }
    }

    /// From the beginning, or as asked.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}

/// Reads the files of a logger on the engine's threads.
final class EntryFollower: Sendable {
    private let container: Container
    private let state: Mutex<State>

    private struct State {
        var files: RotatedFiles?
        var rest: [UInt8] = []
    }

    init(_ container: Container) {
        self.container = container
        let files = container.logOptions.flatMap { options in
            container.logFile.map { RotatedFiles($0, count: options.fileCount) }
        }
        state = Mutex(State(files: files))
    }

    /// - Parameters:
    ///   - follow: waits for more until the container ends.
    ///   - settles: at the end of one that has ended, waits for the logger to end too.
    /// - Returns: nil at the end.
    func next(follow: Bool, settles: Bool = true) async throws -> [LogEntry]? {
        guard let options = container.logOptions else {
            throw ContainerError(
                .configurationRefused, .container(container.id), "no logger keeps its output", advice: "Set `output` to `.log()`.")
        }
        var pause = Duration.milliseconds(1)
        while true {
            // Asked before the read: what is there afterwards is everything.
            let hasEnded = container.supervised.isGone
            let isEnding = settles && container.exit != nil
            let entries = try await container.engine.blocking { () throws(ContainerError) in try self.read(options.form) }
            if !entries.isEmpty { return entries }
            if hasEnded || !(follow || isEnding) { return nil }
            try await Task.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(10))
        }
    }

    private func read(_ form: LogOptions.Form) throws(ContainerError) -> [LogEntry] {
        let result = state.withLock { state -> Result<[LogEntry], ContainerError> in
            guard var files = state.files else { return .success([]) }
            let bytes: [UInt8]
            do throws(ContainerError) { bytes = try files.read() } catch { return .failure(error) }
            state.files = files
            if bytes.isEmpty { return .success([]) }
            let text = state.rest + bytes
            var entries: [LogEntry] = []
            var start = 0
            while let end = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
                if let entry = LogEntry(text[start..<end], form: form) { entries.append(entry) }
                start = end + 1
            }
            state.rest = Array(text[start...])
            return .success(entries)
        }
        return try result.get()
    }
}

extension LogEntry {
    /// A time as entries carry it.
    static func time(_ sinceEpoch: Duration) -> String {
        let (seconds, attoseconds) = sinceEpoch.components
        let digits = String(attoseconds / 1_000_000_000)
        return String(decoding: LogTime.text(ofSecond: Int(seconds)), as: UTF8.self) + "."
            + String(repeating: "0", count: 9 - digits.count) + digits + "Z"
    }
}
