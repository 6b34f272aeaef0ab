import ContainerKit
import Glibc

/// Tells on standard error how far a transfer is: bars on a terminal, one for each blob; else a line for each blob that is there.
enum TransferDisplay {
    /// Runs a transfer and shows its progress.
    static func show<Value: Sendable>(_ transfer: @Sendable (TransferEvents) async throws -> Value) async throws -> Value {
        let events = TransferEvents()
        async let shown: Void = follow(events)
        do {
            let value = try await transfer(events)
            await shown
            return value
        } catch {
            await shown
            throw error
        }
    }

    private static func follow(_ events: TransferEvents) async {
        if isatty(2) == 1 { await bars(events) } else { await lines(events) }
    }

    // MARK: lines

    private static func lines(_ events: TransferEvents) async {
        var isUnpacking: Set<Digest> = []
        for await event in events {
            switch event {
            case .resolving(let reference): Report.write("Resolving \(reference.familiar)\n")
            case .blob(let digest, .unpacking): isUnpacking.insert(digest)
            case .blob(let digest, let state) where state.isFinal:
                let word = isUnpacking.contains(digest) ? "unpacked" : word(state)
                Report.write("\(digest.hex.prefix(12)) \(word)\n")
            default: break
            }
        }
    }

    private static func word(_ state: TransferProgress.BlobState) -> String {
        switch state {
        case .waiting: "waiting"
        case .transferring: "transferring"
        case .verifying: "verifying"
        case .unpacking: "unpacking"
        case .done: "done"
        case .mounted: "mounted"
        case .alreadyPresent: "already present"
        }
    }

    // MARK: bars

    private static func bars(_ events: TransferEvents) async {
        var bars = TransferBars()
        var shown = ContinuousClock.now - .seconds(1)
        for await event in events {
            bars.note(event)
            // Not for each MiB; the last state is written below.
            guard ContinuousClock.now - shown > .milliseconds(100) else { continue }
            shown = .now
            Report.write(bars.drawing(TerminalWidth.current))
        }
        Report.write(bars.drawing(TerminalWidth.current))
    }

    enum TerminalWidth {
        static var current: (rows: Int, columns: Int) {
            var size = winsize()
            guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (24, 80) }
            return (Int(size.ws_row), Int(size.ws_col))
        }
    }
}

/// One line for each blob, drawn over what was drawn before.
struct TransferBars {
    private var blobs: [Digest] = []
    private var sizes: [Digest: ByteCount] = [:]
    private var states: [Digest: TransferProgress.BlobState] = [:]
    private var drawnLines = 0

    mutating func note(_ event: TransferProgress) {
        switch event {
        case .started(_, let descriptors):
            for descriptor in descriptors where sizes.updateValue(.bytes(descriptor.size), forKey: descriptor.digest) == nil {
                blobs.append(descriptor.digest)
            }
        case .blob(let digest, let state): states[digest] = state
        case .resolving, .done: break
        }
    }

    /// The control codes and lines that put this state onto a terminal.
    mutating func drawing(_ size: (rows: Int, columns: Int)) -> String {
        // More lines than the terminal has cannot be drawn over: those that are done make room first.
        let room = max(1, size.rows - 1)
        var shown = blobs
        if shown.count > room { shown.removeAll { states[$0]?.isFinal ?? false } }
        shown = Array(shown.prefix(room))
        var text = drawnLines > 0 ? "\u{1b}[\(drawnLines)A" : ""
        text += "\r\u{1b}[J"
        for digest in shown { text += line(digest, size.columns) + "\n" }
        drawnLines = shown.count
        return text
    }

    private func line(_ digest: Digest, _ columns: Int) -> String {
        let total = sizes[digest] ?? .bytes(0)
        let state = states[digest] ?? .waiting
        let name = String(digest.hex.prefix(12))
        let text: String
        switch state {
        case .waiting: text = "waiting"
        case .transferring(let count, _):
            let width = max(10, min(40, columns - 50))
            let filled = total.rawValue > 0 ? Int(Double(width) * Double(count.rawValue) / Double(total.rawValue)) : 0
            let bar = String(repeating: "#", count: min(width, max(0, filled)))
            text = "[\(bar)\(String(repeating: " ", count: width - bar.count))] \(count) of \(total)"
        case .verifying: text = "verifying \(total)"
        case .unpacking: text = "unpacking \(total)"
        case .done: text = "done \(total)"
        case .mounted: text = "mounted \(total)"
        case .alreadyPresent: text = "already present \(total)"
        }
        return String("\(name)  \(text)".prefix(max(1, columns - 1)))
    }
}
