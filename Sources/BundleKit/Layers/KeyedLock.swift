internal import Synchronization

/// One holder per key at a time, waiters in order: so that two pulls of the same layer unpack it once.
final class KeyedLock: Sendable {
    private let state = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    func acquire(_ key: String) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state[key] == nil {
                    state[key] = []
                    return true
                }
                state[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func release(_ key: String) {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard var waiters = state[key], !waiters.isEmpty else {
                state[key] = nil
                return nil
            }
            let first = waiters.removeFirst()
            state[key] = waiters
            return first
        }
        next?.resume()
    }
}
