internal import Synchronization

/// Tasks that wait for something, each of which leaves when it is cancelled. Part of the state of a lock's owner.
struct WaitList<Note: Sendable, Value: Sendable> {
    struct Waiter {
        var number: UInt64
        var note: Note
        var continuation: CheckedContinuation<Value?, Never>
    }
    private(set) var waiters: [Waiter] = []

    var isEmpty: Bool { waiters.isEmpty }

    mutating func add(_ number: UInt64, _ note: Note, _ continuation: CheckedContinuation<Value?, Never>) {
        waiters.append(Waiter(number: number, note: note, continuation: continuation))
    }

    /// The first one whose note fits, in the order in which they came.
    mutating func takeFirst(where fits: (Note) -> Bool = { _ in true }) -> CheckedContinuation<Value?, Never>? {
        waiters.firstIndex { fits($0.note) }.map { waiters.remove(at: $0).continuation }
    }

    /// All whose notes fit.
    mutating func takeAll(where fits: (Note) -> Bool = { _ in true }) -> [Waiter] {
        let taken = waiters.filter { fits($0.note) }
        waiters.removeAll { fits($0.note) }
        return taken
    }

    /// One that gives up.
    mutating func leave(_ number: UInt64) -> CheckedContinuation<Value?, Never>? {
        waiters.firstIndex { $0.number == number }.map { waiters.remove(at: $0).continuation }
    }
}

private let lastWaiter = Atomic<UInt64>(0)

/// Waits until somebody resumes the continuation, or the task is cancelled: then nil.
///
/// - Parameters:
///   - begin: puts the continuation into a list, under the number, or resumes it at once.
///   - leave: takes the one of that number out again, if it is still there, for it to be resumed with nil.
func waitCancellably<Value: Sendable>(
    _ begin: (UInt64, CheckedContinuation<Value?, Never>) -> Void,
    leave: @escaping @Sendable (UInt64) -> CheckedContinuation<Value?, Never>?
) async -> Value? {
    let number = lastWaiter.add(1, ordering: .relaxed).newValue
    return await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
            begin(number, continuation)
            // The handler may have run before there was anything to take out.
            if Task.isCancelled { leave(number)?.resume(returning: nil) }
        }
    } onCancel: {
        leave(number)?.resume(returning: nil)
    }
}
