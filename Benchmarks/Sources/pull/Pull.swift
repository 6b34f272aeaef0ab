import ContainerKit
import Foundation
import Synchronization
import SystemPackage

/// One pull and unpack, as a program that does nothing else would do it: what the pull scenarios measure.
///
/// pull <root> <image> [durable]
///
/// Prints the high-water mark of its own anonymous memory above what it had before the pull, in KiB, and where the time went.
@main
enum Pull {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 || arguments.count == 4 && arguments[3] == "durable" else {
            FileHandle.standardError.write(Data("usage: pull <root> <image> [durable]\n".utf8))
            exit(2)
        }
        do { try await pull(root: arguments[1], image: arguments[2], isDurable: arguments.count == 4) } catch {
            FileHandle.standardError.write(Data("pull: \(error)\n".utf8))
            exit(1)
        }
    }

    private static func pull(root: String, image: String, isDurable: Bool) async throws {
        try await withContainerEngine { configuration in
            configuration.root = FilePath(root + "/root")
            configuration.run = FilePath(root + "/run")
            configuration.durability = isDurable ? .perImage : .none
        } operation: { engine in
            let memory = MemoryWatch()
            let start = ContinuousClock.now
            let events = TransferEvents()
            async let layers = Self.ends(of: events, since: start)
            let result = try await engine.images.pullTimed(image, policy: .always, progress: events)
            let time = ContinuousClock.now - start
            print("memory \(memory.end()) KiB")
            print("time \(time), download \(result.timings.download), unpack \(result.unpacking)")
            for line in await layers { print(line) }
        }
    }

    /// When each blob was there, and unpacked if it is a layer.
    private static func ends(of events: TransferEvents, since start: ContinuousClock.Instant) async -> [String] {
        var lines: [String] = []
        for await event in events {
            if case .blob(let digest, .done) = event { lines.append("\(digest) after \(ContinuousClock.now - start)") }
        }
        return lines
    }
}

/// Samples this process's anonymous memory from a thread of its own.
final class MemoryWatch: Sendable {
    private let idle = MemoryWatch.anonymous()
    private let state = Mutex((high: 0, isOver: false))

    init() {
        Thread.detachNewThread { [self] in
            while !state.withLock({ $0.isOver }) {
                let now = Self.anonymous()
                state.withLock { $0.high = max($0.high, now) }
                usleep(5000)
            }
        }
    }

    /// KiB above what there was at the beginning.
    func end() -> Int {
        state.withLock { state in
            state.isOver = true
            return max(0, state.high - idle)
        }
    }

    private static func anonymous() -> Int {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") })
        else { return 0 }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
