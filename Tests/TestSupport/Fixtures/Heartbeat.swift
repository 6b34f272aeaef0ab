import Synchronization

/// A task that beats every millisecond on the cooperative pool beside the work under test. A gap is time during which the pool's
/// threads were all held.
package final class Heartbeat: Sendable {
    private let largest = Mutex(Duration.zero)

    private init() {}

    /// Runs `body` and returns the longest time between two beats meanwhile.
    package static func largestGap(during body: () async throws -> Void) async throws -> Duration {
        let heartbeat = Heartbeat()
        let task = Task.detached { await heartbeat.beat() }
        let result: Result<Void, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        task.cancel()
        await task.value
        try result.get()
        return heartbeat.largest.withLock { $0 }
    }

    @concurrent
    private func beat() async {
        var last = ContinuousClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(1))
            let now = ContinuousClock.now
            largest.withLock { $0 = max($0, now - last) }
            last = now
        }
    }
}
