import Glibc
import LinuxSystem
import RuntimeChild
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Calls over a socket whose other end may say anything, or nothing.
@Suite struct DBusConnectionTests {
    /// Runs a client against a script; the client has some milliseconds.
    private func talk<Value>(
        milliseconds: Int64 = 5000, _ script: @escaping (FakeBus) -> Void, _ client: (inout DBusConnection) throws -> Value
    ) throws -> Value {
        try withDirectory { directory in
            let bus = try FakeBus(in: directory, script)
            defer { bus.end() }
            var connection = try DBusConnection.open(bus.path, deadline: KernelClock.monotonic() + milliseconds * 1_000_000)
            return try client(&connection)
        }
    }

    private func withDirectory<Value>(_ body: (FilePath) throws -> Value) throws -> Value {
        let directory = try TestDirectory.make("bus")
        defer { try? TestDirectory.remove(directory) }
        return try body(directory)
    }

    private func call() -> DBusMessage {
        var message = DBusMessage(.call, serial: 0)
        message.path = "/"
        message.member = "Ask"
        return message
    }

    @Test func whoCallsIsTold() throws {
        let line = Mutex("")
        let reply = try talk { bus in
            let said = bus.authenticate()
            line.withLock { $0 = said }
            let call = bus.readMessage()
            bus.send(.reply) { $0.replySerial = call?.serial }
        } _: { connection in
            try connection.call(call())
        }
        #expect(reply.kind == .reply)
        let uid = String(geteuid()).utf8.map { String($0, radix: 16) }.joined()
        #expect(line.withLock { $0 } == "\0AUTH EXTERNAL \(uid)\r\n")
    }

    /// What else comes meanwhile: signals are kept in their order, replies to others and calls are nobody's.
    @Test func signalsWaitBehindTheReply() throws {
        let members = try talk { bus in
            _ = bus.authenticate()
            let call = bus.readMessage()
            bus.send(.signal) { $0.member = "First" }
            bus.send(.reply) { $0.replySerial = 4711 }
            bus.send(.call) { $0.member = "Ping" }
            bus.send(.signal) { $0.member = "Second" }
            bus.send(.reply) { $0.replySerial = call?.serial }
            bus.send(.signal) { $0.member = "Third" }
        } _: { connection in
            _ = try connection.call(call())
            return try (0..<3).map { _ in try connection.nextSignal().member }
        }
        #expect(members == ["First", "Second", "Third"])
    }

    @Test func anErrorIsThrownByItsName() throws {
        #expect(throws: DBusFailure.refused("org.freedesktop.DBus.Error.AccessDenied")) {
            try talk { bus in
                _ = bus.authenticate()
                let call = bus.readMessage()
                bus.send(.error) {
                    $0.replySerial = call?.serial
                    $0.errorName = "org.freedesktop.DBus.Error.AccessDenied"
                }
            } _: { connection in
                try connection.call(call())
            }
        }
    }

    @Test func silenceEnds() throws {
        let start = KernelClock.monotonic()
        #expect(throws: DBusFailure.timedOut) {
            try talk(milliseconds: 200) { bus in
                _ = bus.authenticate()
                _ = bus.readMessage()
                _ = bus.readLine()  // until the other end has gone
            } _: { connection in
                try connection.call(call())
            }
        }
        #expect(KernelClock.monotonic() - start < 3_000_000_000)
    }

    /// Bytes now and then do not keep it waiting either.
    @Test func aDripEnds() throws {
        #expect(throws: DBusFailure.timedOut) {
            try talk(milliseconds: 200) { bus in
                _ = bus.authenticate()
                for byte in DBusMessage(.signal, serial: 1).encode() + [UInt8](repeating: 0, count: 64) {
                    bus.send([byte])
                    usleep(20_000)
                }
            } _: { connection in
                try connection.call(call())
            }
        }
    }

    @Test(arguments: ["REJECTED EXTERNAL\r\n", "ERROR\r\n", "\r\n"]) func aRefusalToLetIn(answer: String) throws {
        #expect(throws: DBusFailure.notAuthenticated) {
            try talk { bus in
                _ = bus.readLine()
                bus.send(Array(answer.utf8))
            } _: { _ in
            }
        }
    }

    @Test func anEndlessGreetingIsRefused() throws {
        #expect(throws: DBusFailure.malformed) {
            try talk { bus in
                _ = bus.readLine()
                bus.send([UInt8](repeating: UInt8(ascii: "A"), count: 4096))
            } _: { _ in
            }
        }
    }

    @Test func garbageIsRefused() throws {
        #expect(throws: DBusFailure.malformed) {
            try talk { bus in
                _ = bus.authenticate()
                _ = bus.readMessage()
                bus.send([UInt8](repeating: 0xff, count: 64))
            } _: { connection in
                try connection.call(call())
            }
        }
    }

    @Test func anEndIsNoSilence() throws {
        #expect(throws: DBusFailure.socket(.connectionReset)) {
            try talk { bus in
                _ = bus.authenticate()
                _ = bus.readMessage()
            } _: { connection in
                try connection.call(call())
            }
        }
    }

    @Test func noSocket() throws {
        #expect(throws: DBusFailure.socket(.noSuchFileOrDirectory)) {
            var connection = try DBusConnection.open("/nonexistent/bus", deadline: KernelClock.monotonic() + 1_000_000_000)
            try connection.joinBus()
        }
    }

    /// Of a flood the last are kept, not all.
    @Test func aFloodOfSignalsIsBounded() throws {
        let first = try talk { bus in
            _ = bus.authenticate()
            let call = bus.readMessage()
            for number in 0..<200 { bus.send(.signal) { $0.member = "S\(number)" } }
            bus.send(.reply) { $0.replySerial = call?.serial }
        } _: { connection in
            _ = try connection.call(call())
            return try connection.nextSignal().member
        }
        #expect(first == "S136")
    }
}
