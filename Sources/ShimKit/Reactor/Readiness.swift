internal import CLinux
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// Waits until a non-blocking descriptor can be read or written; one task at a time.
final class Readiness: Sendable {
    private let reactor: Reactor
    private let descriptor: SharedDescriptor
    private let events: UInt32
    private let state = Mutex(State())

    private struct State {
        var token: UInt64?
        var waiter: CheckedContinuation<Bool, any Error>?

        mutating func takeWaiter() -> CheckedContinuation<Bool, any Error>? {
            defer { waiter = nil }
            return waiter
        }
    }

    init(_ descriptor: SharedDescriptor, writing: Bool, reactor: Reactor) {
        self.reactor = reactor
        self.descriptor = descriptor
        events = (writing ? EPOLLOUT : EPOLLIN).rawValue | EPOLLONESHOT.rawValue
    }

    deinit {
        if let token = state.withLock({ $0.token }) { reactor.remove(token, descriptor.rawValue) }
    }

    /// - Throws: `CancellationError`, or the errno of epoll_ctl(2): a regular file is always ready (`notPermitted`).
    func wait() async throws {
        let isReady = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (outer: CheckedContinuation<Bool, any Error>) in
                Task.isCancelled ? outer.resume(returning: false) : arm(outer)
            }
        } onCancel: {
            fire(false)
        }
        if !isReady { throw CancellationError() }
    }

    private func arm(_ continuation: CheckedContinuation<Bool, any Error>) {
        do throws(Errno) {
            let (isCancelled, token) = state.withLock { state in
                // Under the lock: a cancellation that came before found nobody to wake.
                if Task.isCancelled { return (true, state.token) }
                state.waiter = continuation
                return (false, state.token)
            }
            if isCancelled { return continuation.resume(returning: false) }
            if let token {
                try reactor.rearm(token, descriptor.rawValue, events: events)
            } else {
                let token = try reactor.add(descriptor.rawValue, events: events) { [weak self] _ in self?.fire(true) }
                state.withLock { $0.token = token }
            }
        } catch {
            state.withLock { $0.takeWaiter() }?.resume(throwing: error)
        }
    }

    /// Wakes who waits, as if it were ready.
    func interrupt() { fire(true) }

    private func fire(_ isReady: Bool) {
        state.withLock { $0.takeWaiter() }?.resume(returning: isReady)
    }
}
