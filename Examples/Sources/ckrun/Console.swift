import Glibc
import RuntimeKit
import SystemPackage

/// The terminal of this command in front of the terminal of the container.
struct Console {
    let terminal: FileDescriptor
    let process: CommandProcess

    func run() -> Int32 {
        var saved = termios()
        let isTerminal = tcgetattr(0, &saved) == 0
        if isTerminal {
            var raw = saved
            cfmakeraw(&raw)
            tcsetattr(0, TCSANOW, &raw)
        }
        defer { if isTerminal { tcsetattr(0, TCSADRAIN, &saved) } }
        resize()
        var readsInput = true
        while true {
            var polled = [
                pollfd(fd: readsInput ? 0 : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: terminal.rawValue, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process.processDescriptor.rawValue, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polled, 3, 200)
            takeSignals()
            if polled[0].revents != 0, !copy(from: 0, to: terminal.rawValue) { readsInput = false }
            if polled[1].revents & Int16(POLLIN) != 0 { _ = copy(from: terminal.rawValue, to: 1) }
            guard polled[2].revents != 0, let status = try? process.wait(blocking: false) else { continue }
            drain()
            return status
        }
    }

    /// What the process wrote before it ended.
    private func drain() {
        var polled = pollfd(fd: terminal.rawValue, events: Int16(POLLIN), revents: 0)
        while poll(&polled, 1, 0) > 0, polled.revents & Int16(POLLIN) != 0 {
            if !copy(from: terminal.rawValue, to: 1) { return }
        }
    }

    private func copy(from: Int32, to: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = read(from, &buffer, buffer.count)
        guard count > 0 else { return false }
        var written = 0
        while written < count {
            let result = buffer[written..<count].withUnsafeBytes { write(to, $0.baseAddress, $0.count) }
            if result < 0 && errno != EINTR && errno != EAGAIN { return false }
            written += max(result, 0)
        }
        return true
    }

    private func takeSignals() {
        var all = sigset_t()
        sigfillset(&all)
        var none = timespec()
        while true {
            let number = sigtimedwait(&all, nil, &none)
            if number <= 0 { return }
            if number == SIGWINCH { resize() } else if number != SIGCHLD { Foreground.forward(number, to: process) }
        }
    }

    private func resize() {
        var size = winsize()
        guard ioctl(0, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return }
        try? process.resize(rows: size.ws_row, columns: size.ws_col)
    }
}
