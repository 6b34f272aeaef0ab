internal import Synchronization

/// A bounded number of things at a time; the rest waits, in order.
final class WorkSlots: Sendable {
    private let state: Mutex<State>

    private struct State {
        var free: Int
        var waiters = WaitList<Void, Void>()
    }

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// - Returns: false when the task was cancelled before there was a slot.
    func acquire() async -> Bool {
        let slot: Void? = await waitCancellably { number, continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiters.add(number, (), continuation)
                return false
            }
            if isFree { continuation.resume(returning: ()) }
        } leave: { [self] number in
            state.withLock { $0.waiters.leave(number) }
        }
        return slot != nil
    }

    func release() {
        let next = state.withLock { state in
            let next = state.waiters.takeFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.resume(returning: ())
    }
}
