internal import CLinux
internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// One thread that waits for all shims and streams of a program, however many containers it has.
final class Reactor: Sendable {
    private let epoll: OwnedDescriptor
    private let wakeup: OwnedDescriptor
    private let state = Mutex(State())

    private struct State {
        var handlers: [UInt64: @Sendable (UInt32) -> Void] = [:]
        var nextToken: UInt64 = 1
        var isClosed = false
    }

    /// - Throws: errno of epoll_create(2) or of starting the thread.
    init() throws(Errno) {
        let descriptor = epoll_create1(CInt(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw .tooManyOpenFiles }
        epoll = OwnedDescriptor(descriptor)
        let event = eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK))
        guard event >= 0 else { throw .tooManyOpenFiles }
        wakeup = OwnedDescriptor(event)
        try control(EPOLL_CTL_ADD, wakeup.rawValue, events: EPOLLIN.rawValue, token: 0)
        try ServiceThread.start("ck-reactor") { self.serve() }
    }

    /// Ends the thread. Handlers are not called any more.
    func close() {
        state.withLock { $0.isClosed = true }
        var one: UInt64 = 1
        _ = ck_write(wakeup.rawValue, &one, 8)
    }

    /// Calls `handler` on the reactor's thread whenever `descriptor` is ready for `events` (`EPOLL…`).
    /// - Returns: a token for `rearm` and `remove`.
    func add(
        _ descriptor: CInt, events: UInt32, _ handler: @escaping @Sendable (UInt32) -> Void
    ) throws(Errno) -> UInt64 {
        let token = state.withLock { state in
            defer { state.nextToken += 1 }
            state.handlers[state.nextToken] = handler
            return state.nextToken
        }
        do throws(Errno) {
            try control(EPOLL_CTL_ADD, descriptor, events: events, token: token)
        } catch {
            _ = state.withLock { $0.handlers.removeValue(forKey: token) }
            throw error
        }
        return token
    }

    /// Arms a one-shot registration again.
    func rearm(_ token: UInt64, _ descriptor: CInt, events: UInt32) throws(Errno) {
        try control(EPOLL_CTL_MOD, descriptor, events: events, token: token)
    }

    /// To be called before the descriptor is closed, or its number may already be somebody else's.
    func remove(_ token: UInt64, _ descriptor: CInt) {
        _ = state.withLock { $0.handlers.removeValue(forKey: token) }
        try? control(EPOLL_CTL_DEL, descriptor, events: 0, token: token)
    }

    private func control(_ operation: CInt, _ descriptor: CInt, events: UInt32, token: UInt64) throws(Errno) {
        var event = epoll_event(events: events, data: epoll_data(u64: token))
        try check(ck_epoll_ctl(epoll.rawValue, operation, descriptor, &event))
    }

    private func serve() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll.rawValue, &events, CInt(events.count), -1)
            if state.withLock({ $0.isClosed }) { return }
            for index in 0..<max(0, Int(count)) {
                let handler = state.withLock { $0.handlers[events[index].data.u64] }
                handler?(events[index].events)
            }
        }
    }
}
