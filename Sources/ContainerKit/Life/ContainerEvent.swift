public import ShimKit
internal import Synchronization

/// What happens to a container.
public enum ContainerEvent: Sendable, Hashable {
    /// Its first process was started.
    case started(pid: Int32)
    /// It has ended and is not started again.
    case exited(ProcessExit)
    /// It reached its memory limit and was killed; `exited` or `restarted` comes too.
    case outOfMemory
    /// It ended and will be started again, for the `count`th time.
    case restarted(count: Int, after: ProcessExit)
    /// Health checks changed their mind.
    case healthChanged(HealthStatus)
    /// It was paused.
    case paused
    /// It goes on.
    case resumed
}

/// The events of a container from now on. Ends with `exited`. A reader that falls behind by 256 loses the oldest.
public struct ContainerEvents: AsyncSequence, Sendable {
    public typealias Element = ContainerEvent
    let stream: AsyncStream<ContainerEvent>

    /// Waits for one event after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        var iterator: AsyncStream<ContainerEvent>.Iterator
        /// The next; nil at the end.
        public mutating func next() async -> ContainerEvent? { await iterator.next(isolation: #isolation) }
    }

    /// From the first that was not read.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(iterator: stream.makeAsyncIterator()) }
}

/// Hands events to whoever listens.
final class EventHub: Sendable {
    private let listeners = Mutex<[UInt64: AsyncStream<ContainerEvent>.Continuation]>([:])
    private let next = Mutex<UInt64>(0)
    private static let limit = 256

    func listen() -> ContainerEvents {
        let (stream, continuation) = AsyncStream.makeStream(of: ContainerEvent.self, bufferingPolicy: .bufferingNewest(Self.limit))
        let id = next.withLock { next in
            next += 1
            return next
        }
        listeners.withLock { $0[id] = continuation }
        continuation.onTermination = { [weak self] _ in _ = self?.listeners.withLock { $0.removeValue(forKey: id) } }
        return ContainerEvents(stream: stream)
    }

    func send(_ event: ContainerEvent) {
        let all = listeners.withLock { Array($0.values) }
        for listener in all { listener.yield(event) }
    }

    func finish() { for listener in listeners.withLock({ Array($0.values) }) { listener.finish() } }

    deinit { finish() }
}

extension Container {
    /// What happens to it, from now on.
    public var events: ContainerEvents { hub.listen() }

    /// What its health checks have found; nil for one without. They run as long as this program holds it.
    public var healthStatus: HealthStatus? { health?.status }

    func beginHealthChecks() { health?.begin(self) }

    func observe() {
        supervised.observe { [weak self] event in
            guard let self else { return }
            switch event {
            case .started(let pid):
                restartWatch?.started(self)
                hub.send(.started(pid: pid))
            case .exited(let exit):
                restartWatch?.end()
                if exit.status == .outOfMemory { hub.send(.outOfMemory) }
                hub.send(.exited(exit))
                hub.finish()
            case .restarting(let count, let exit):
                restartWatch?.restarting()
                if exit.status == .outOfMemory { hub.send(.outOfMemory) }
                hub.send(.restarted(count: count, after: exit))
            case .paused: hub.send(.paused)
            case .resumed: hub.send(.resumed)
            }
        }
    }
}
