internal import Synchronization

/// One holder per key at a time, waiters in order: so that two pulls of the same layer unpack it once.
final class KeyedLock: Sendable {
    private let state = Mutex<[String: WaitList<Void, Void>]>([:])

    /// - Returns: false when the task was cancelled before its turn came.
    func acquire(_ key: String) async -> Bool {
        let turn: Void? = await waitCancellably { number, continuation in
            let isFree = state.withLock { state in
                guard state[key] != nil else {
                    state[key] = WaitList()
                    return true
                }
                state[key]?.add(number, (), continuation)
                return false
            }
            if isFree { continuation.resume(returning: ()) }
        } leave: { [self] number in
            state.withLock { $0[key]?.leave(number) }
        }
        return turn != nil
    }

    func release(_ key: String) {
        let next = state.withLock { state in
            let next = state[key]?.takeFirst()
            if next == nil { state[key] = nil }
            return next
        }
        next?.resume(returning: ())
    }
}
