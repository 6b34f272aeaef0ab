import ContainerKit
import Glibc
import Synchronization

/// Tells on standard error how far a pull is: one line that changes on a terminal, else a line per layer.
enum PullDisplay {
    @discardableResult
    static func pull(_ name: String, _ policy: PullPolicy, _ engine: ContainerEngine) async throws -> Image {
        let isTerminal = isatty(2) == 1
        let state = PullState()
        let image = try await engine.images.pull(name, policy: policy) { progress in
            if let line = state.note(progress, isTerminal: isTerminal) { Report.write(line) }
        }
        if isTerminal { Report.write("\r\u{1b}[K") }
        return image
    }
}

private final class PullState: Sendable {
    private struct Blobs {
        var received: [Digest: ByteCount] = [:]
        var total: Int64 = 0
        var verified = 0
        var count = 0
        var shown = ContinuousClock.now - .seconds(1)
    }
    private let blobs = Mutex(Blobs())

    func note(_ progress: EngineImages.Progress, isTerminal: Bool) -> String? {
        blobs.withLock { blobs in
            switch progress {
            case .pulling(.resolving(let reference)): return isTerminal ? nil : "Pulling \(reference.familiar)\n"
            case .pulling(.resolved(_, let descriptors)):
                blobs.total = descriptors.reduce(0) { $0 + $1.size }
                blobs.count = descriptors.count
            case .pulling(.blob(let digest, .downloading(let received, _))): blobs.received[digest] = received
            case .pulling(.blob(let digest, .verified)), .pulling(.blob(let digest, .alreadyPresent)):
                blobs.verified += 1
                if !isTerminal { return "\(digest.hex.prefix(12)) there\n" }
            case .unpacking(.finished(_, let layer)):
                if !isTerminal { return "\(layer.key.hex.prefix(12)) unpacked\n" }
            default: break
            }
            guard isTerminal, ContinuousClock.now - blobs.shown > .milliseconds(100) else { return nil }
            blobs.shown = .now
            let received = ByteCount.bytes(blobs.received.values.reduce(0) { $0 + $1.rawValue })
            return "\r\u{1b}[K\(blobs.verified)/\(blobs.count) blobs, \(received) of \(ByteCount.bytes(blobs.total))"
        }
    }
}
