internal import OCIModel

/// Something that happened to a container.
public enum RuntimeEvent: Sendable, Hashable {
    /// What it has used so far.
    case statistics(CgroupStatistics)
    /// The kernel killed processes in it for want of memory; how many so far.
    case outOfMemory(kills: UInt64)
}

/// The events of a container; ends when it has stopped or is gone.
public struct RuntimeEvents: AsyncSequence, Sendable {
    let runtime: ContainerRuntime
    let id: ContainerID
    let interval: Duration

    /// Reads figures when it is asked for the next event, ten times a second at most.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let events: RuntimeEvents
        private var kills: UInt64?
        private var next = ContinuousClock.now

        init(_ events: RuntimeEvents) { self.events = events }

        /// - Throws: `CancellationError`.
        public mutating func next() async throws -> RuntimeEvent? {
            while true {
                guard let statistics = try? await events.runtime.statistics(events.id) else { return nil }
                let now = statistics.outOfMemoryKills ?? 0
                let before = kills
                kills = now
                if let before, now > before { return .outOfMemory(kills: now) }
                if ContinuousClock.now >= next {
                    next = .now + events.interval
                    return .statistics(statistics)
                }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
