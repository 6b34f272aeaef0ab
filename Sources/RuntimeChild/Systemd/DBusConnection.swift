internal import CLinux
internal import LinuxSystem
internal import SystemPackage

/// A connection to a message bus or to one peer, for a few calls by a process with one thread: everything blocks, until a moment that is
/// set at the beginning.
package struct DBusConnection: ~Copyable {
    private let socket: OwnedDescriptor
    /// By the monotonic clock, in nanoseconds.
    private let deadline: Int64
    private var input: [UInt8] = []
    private var serial: UInt32 = 0
    /// Signals that came while a reply was waited for.
    private var signals: [DBusMessage] = []
    private static let signalLimit = 64

    /// Connects and authenticates as the effective user. See: D-Bus specification, "Authentication Protocol".
    /// - Parameter deadline: of everything that follows, by the monotonic clock, in nanoseconds.
    package static func open(_ path: String, deadline: Int64) throws(DBusFailure) -> DBusConnection {
        var connection = DBusConnection(try connect(path, deadline), deadline)
        try connection.authenticate()
        return connection
    }

    private init(_ socket: consuming OwnedDescriptor, _ deadline: Int64) {
        self.socket = socket
        self.deadline = deadline
    }

    private static func connect(_ path: String, _ deadline: Int64) throws(DBusFailure) -> OwnedDescriptor {
        do throws(Errno) {
            let kind = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue
            let socket = OwnedDescriptor(CInt(try check(ck_socket(AF_UNIX, CInt(kind), 0))))
            while true {
                let result = unsafe ck_connect_path(socket.rawValue, path)
                // EAGAIN: its queue is full.
                guard result == -Int(EAGAIN), KernelClock.monotonic() < deadline else {
                    try check(result)
                    return socket
                }
                usleep(2000)
            }
        } catch { throw error == .resourceTemporarilyUnavailable ? .timedOut : .socket(error) }
    }

    /// Joins a bus, which gives the connection its name. A peer that is no bus knows no such call.
    package mutating func joinBus() throws(DBusFailure) {
        var hello = DBusMessage(.call, serial: 0)
        hello.destination = "org.freedesktop.DBus"
        hello.path = "/org/freedesktop/DBus"
        hello.interface = "org.freedesktop.DBus"
        hello.member = "Hello"
        _ = try call(hello)
    }

    /// Has the bus deliver signals that it would keep from this connection.
    package mutating func addMatch(_ rule: String) throws(DBusFailure) {
        var message = DBusMessage(.call, serial: 0)
        message.destination = "org.freedesktop.DBus"
        message.path = "/org/freedesktop/DBus"
        message.interface = "org.freedesktop.DBus"
        message.member = "AddMatch"
        message.signature = "s"
        var body = DBusWriter()
        body.append(rule)
        message.body = body.bytes
        _ = try call(message)
    }

    /// Calls and waits for the reply.
    /// - Throws: `.refused` with the name of the error that came instead.
    package mutating func call(_ call: DBusMessage) throws(DBusFailure) -> DBusMessage {
        var call = call
        serial += 1
        call.serial = serial
        try send(call.encode())
        while true {
            let message = try receive()
            switch message.kind {
            case .reply where message.replySerial == serial: return message
            case .error where message.replySerial == serial: throw .refused(message.errorName ?? "")
            case .signal:
                if signals.count == Self.signalLimit { signals.removeFirst() }
                signals.append(message)
            default: continue
            }
        }
    }

    /// The next signal, in the order of their coming.
    package mutating func nextSignal() throws(DBusFailure) -> DBusMessage {
        if !signals.isEmpty { return signals.removeFirst() }
        while true {
            let message = try receive()
            if message.kind == .signal { return message }
        }
    }

    private mutating func authenticate() throws(DBusFailure) {
        let digits = Array("0123456789abcdef".utf8)
        var line: [UInt8] = [0] + Array("AUTH EXTERNAL ".utf8)
        for byte in String(geteuid()).utf8 { line += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        try send(line + Array("\r\n".utf8))
        while !input.contains(UInt8(ascii: "\n")) {
            guard input.count < 512 else { throw .malformed }
            try fill()
        }
        // Nothing comes after it before the bus is told to begin.
        guard input.starts(with: "OK ".utf8), input.last == UInt8(ascii: "\n") else { throw .notAuthenticated }
        input = []
        try send(Array("BEGIN\r\n".utf8))
    }

    private mutating func receive() throws(DBusFailure) -> DBusMessage {
        while input.count < DBusMessage.prefix { try fill() }
        let length = try DBusMessage.length(Array(input[..<DBusMessage.prefix]))
        while input.count < length { try fill() }
        let message = Array(input[..<length])
        input.removeFirst(length)
        return try DBusMessage(decoding: message)
    }

    private mutating func fill() throws(DBusFailure) {
        try wait(for: POLLIN)
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = unsafe ck_read(socket.rawValue, &chunk, chunk.count)
        if count == -Int(EAGAIN) || count == -Int(EINTR) { return }
        if count == 0 { throw .socket(.connectionReset) }
        do throws(Errno) { try check(count) } catch { throw .socket(error) }
        input += chunk[..<count]
    }

    private func send(_ bytes: [UInt8]) throws(DBusFailure) {
        var sent = 0
        while sent < bytes.count {
            try wait(for: POLLOUT)
            let rest = Array(bytes[sent...])
            let count = unsafe ck_send(socket.rawValue, rest, rest.count, nil, 0, 0)
            if count == -Int(EAGAIN) { continue }
            do throws(Errno) { sent += try check(count) } catch { throw .socket(error) }
        }
    }

    private func wait(for event: CInt) throws(DBusFailure) {
        while true {
            let left = (deadline - KernelClock.monotonic() + 999_999) / 1_000_000
            guard left > 0 else { throw .timedOut }
            var polled = pollfd(fd: socket.rawValue, events: Int16(event), revents: 0)
            let count = unsafe poll(&polled, 1, CInt(clamping: left))
            if count > 0 { return }
        }
    }
}
