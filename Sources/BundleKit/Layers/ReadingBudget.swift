internal import Synchronization

/// How far the downloads of this process are ahead of those who read them, together, and who waits for that to become less.
///
/// A blob that nobody reads yet does not count: its reader may wait for others, whose downloads must go on.
final class ReadingBudget: Sendable {
    /// The process's.
    static let shared = ReadingBudget()

    private struct State {
        var ahead: [ObjectIdentifier: Int64] = [:]
        var sum: Int64 = 0
        var waiters = WaitList<Void, Void>()
    }
    private let state = Mutex(State())

    /// Says how far a blob is ahead of its reader; nil when nobody reads it any more.
    func note(_ blob: ObjectIdentifier, ahead: Int64?) {
        let freed = state.withLock { state in
            state.sum += (ahead ?? 0) - (state.ahead[blob] ?? 0)
            state.ahead[blob] = ahead
            return state.sum <= LayerFeed.budget ? state.waiters.takeAll() : []
        }
        for waiter in freed { waiter.continuation.resume(returning: ()) }
    }

    /// Whether nobody has to wait now.
    var hasRoom: Bool { state.withLock { $0.sum <= LayerFeed.budget } }

    /// Waits while more than the budget is ahead.
    /// - Throws: `CancellationError`.
    func room() async throws {
        let room: Void? = await waitCancellably { number, continuation in
            let isFree = state.withLock { state in
                if state.sum <= LayerFeed.budget { return true }
                state.waiters.add(number, (), continuation)
                return false
            }
            if isFree { continuation.resume(returning: ()) }
        } leave: { [self] number in
            state.withLock { $0.waiters.leave(number) }
        }
        if room == nil { throw CancellationError() }
    }
}
