internal import Synchronization

/// Which layers of one image are finished: those that rest on what lies below wait here.
final class LayerChain: Sendable {
    private struct State {
        var keys: [LayerKey?]
        var hasFailed = false
        var waiters: [(index: Int, continuation: CheckedContinuation<[LayerKey]?, Never>)] = []

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
            var ready: [(CheckedContinuation<[LayerKey]?, Never>, [LayerKey])] = []
            let waiters = state.waiters
            state.waiters = []
            for waiter in waiters {
                if let below = state.below(waiter.index) {
                    ready.append((waiter.continuation, below))
                } else {
                    state.waiters.append(waiter)
                }
            }
            return ready
        }
        for (continuation, below) in ready { continuation.resume(returning: below) }
    }

    /// A layer will never be finished; nor will those above that wait for it. (A cancelled task fails, so that none waits for ever.)
    func fail() {
        let waiters = state.withLock { state in
            state.hasFailed = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    /// The layers below, topmost first; nil when they will not be finished.
    func below(_ index: Int) async -> [LayerKey]? {
        await withCheckedContinuation { continuation in
            let (known, isDecided) = state.withLock { state -> ([LayerKey]?, Bool) in
                if let below = state.below(index) { return (below, true) }
                if state.hasFailed { return (nil, true) }
                state.waiters.append((index, continuation))
                return (nil, false)
            }
            if isDecided { continuation.resume(returning: known) }
        }
    }

    /// The layers below when they are finished already.
    func known(_ index: Int) -> [LayerKey]? { state.withLock { $0.below(index) } }
}
