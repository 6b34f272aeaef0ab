internal import Synchronization

/// Which layers of one image are finished: those that rest on what lies below wait here.
final class LayerChain: Sendable {
    private struct State {
        var keys: [LayerKey?]
        var hasFailed = false
        /// Noted is the index of the layer that waits.
        var waiters = WaitList<Int, [LayerKey]>()

        /// Topmost first; nil while one is missing.
        func below(_ index: Int) -> [LayerKey]? {
            let known = keys[..<index].compactMap(\.self)
            return known.count == index ? known.reversed() : nil
        }
    }
    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(keys: Array(repeating: nil, count: count))) }

    func finish(_ index: Int, _ key: LayerKey) {
        let ready = state.withLock { state in
            state.keys[index] = key
            let whole = state.keys.firstIndex(of: nil) ?? state.keys.count
            return state.waiters.takeAll { $0 <= whole }.map { ($0.continuation, state.below($0.note)) }
        }
        for (continuation, below) in ready { continuation.resume(returning: below) }
    }

    /// A layer will never be finished; nor will those above that wait for it.
    func fail() {
        let waiters = state.withLock { state in
            state.hasFailed = true
            return state.waiters.takeAll()
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    /// The layers below, topmost first; nil when they will not be finished, or the task is cancelled.
    func below(_ index: Int) async -> [LayerKey]? {
        await waitCancellably { number, continuation in
            let (known, isDecided) = state.withLock { state -> ([LayerKey]?, Bool) in
                if let below = state.below(index) { return (below, true) }
                if state.hasFailed { return (nil, true) }
                state.waiters.add(number, index, continuation)
                return (nil, false)
            }
            if isDecided { continuation.resume(returning: known) }
        } leave: { [self] number in
            state.withLock { $0.waiters.leave(number) }
        }
    }

    /// The layers below when they are finished already.
    func known(_ index: Int) -> [LayerKey]? { state.withLock { $0.below(index) } }
}
