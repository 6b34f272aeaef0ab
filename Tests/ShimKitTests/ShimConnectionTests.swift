import Glibc
import LinuxSystem
import ShimChild
import Synchronization
import SystemPackage
import Testing

@testable import ShimKit

/// What a shim said last must arrive, in whatever order it ends and is spoken to.
@Suite("The connection to a shim") struct ShimConnectionTests {
    private static let last = ShimEvent.exited(ExitRecord(status: .exited(42), pid: 7, startedAt: 1, endedAt: 2))

    private static func events(_ body: (ShimConnection, SharedDescriptor) async throws -> Void) async throws -> [ShimEvent] {
        let reactor = try Reactor()
        defer { reactor.close() }
        let pair = try SocketPair()
        var far: SharedDescriptor? = SharedDescriptor(try pair.far.duplicate())
        let near = try pair.near.duplicate()
        let (stream, continuation) = AsyncStream.makeStream(of: ShimEvent.self)
        // Only the copy is left.
        try await Self.consume(pair)
        let connection = try ShimConnection(near, reactor: reactor) { event, _ in
            if let event { continuation.yield(event) } else { continuation.finish() }
        }
        if let shim = far { try await body(connection, shim) }
        far = nil
        var events: [ShimEvent] = []
        for await event in stream { events.append(event) }
        withExtendedLifetime(connection) {}
        return events
    }

    private static func consume(_ pair: consuming SocketPair) async throws {}

    /// The kernel answers ECONNRESET before the frames when the other end closes with something unread.
    @Test func aCommandThatTheShimNeverReadLosesNoFrame() async throws {
        let events = try await Self.events { connection, far in
            connection.post(.pause)
            try far.withDescriptor { (socket) throws(Errno) in try socket.send(Self.last.encode()) }
        }
        #expect(events == [Self.last])
    }

    /// A newer shim tells of things that this program does not know.
    @Test func anUnknownEventEndsNothing() async throws {
        let unknown = ShimEvent.unknown(kind: 250, payload: [1, 2, 3])
        let events = try await Self.events { _, far in
            try far.withDescriptor { (socket) throws(Errno) in
                try socket.send(unknown.encode())
                try socket.send(Self.last.encode())
            }
        }
        #expect(events == [unknown, Self.last])
    }

    /// Nor does an answer of a kind that this program does not know.
    @Test func anUnknownAnswerIsAnAnswer() async throws {
        let unknown = ShimReply.unknown(kind: 250, payload: [1, 2, 3])
        let events = try await Self.events { connection, far in
            let asking = Task { try await connection.ask(.pause)?.0 }
            var command: [UInt8]?
            while command == nil {
                try await Task.sleep(for: .milliseconds(1))
                command = try? far.withDescriptor { (socket) throws(Errno) in try socket.receive(nonBlocking: true)?.bytes }
            }
            #expect(try ShimCommand.decode(#require(command)).command == .pause)
            try far.withDescriptor { (socket) throws(Errno) in try socket.send(ShimEvent.reply(id: 1, unknown).encode()) }
            #expect(try await asking.value == unknown)
            try far.withDescriptor { (socket) throws(Errno) in try socket.send(Self.last.encode()) }
        }
        #expect(events == [Self.last])
    }

    /// What makes no sense at all ends the connection.
    @Test func nonsenseEndsIt() async throws {
        let events = try await Self.events { _, far in
            try far.withDescriptor { (socket) throws(Errno) in
                try socket.send(Array(Self.last.encode().dropLast()))
                try socket.send(Self.last.encode())
            }
        }
        #expect(events == [])
    }
}
