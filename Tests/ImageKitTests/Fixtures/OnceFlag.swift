import Synchronization

/// True for the first who takes it.
final class OnceFlag: Sendable {
    private let isTaken = Mutex(false)
    func take() -> Bool {
        isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }
}
