import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// What is said over D-Bus, as bytes, and what strangers may say.
@Suite struct DBusMessageTests {
    private func written(_ write: (inout DBusWriter) -> Void) -> [UInt8] {
        var writer = DBusWriter()
        write(&writer)
        return writer.bytes
    }

    @Test func numbersAreLittleEndianAndAligned() {
        #expect(written { $0.append(UInt32(0x0102_0304)) } == [4, 3, 2, 1])
        #expect(
            written {
                $0.append(UInt8(7))
                $0.append(UInt32(1))
            } == [7, 0, 0, 0, 1, 0, 0, 0])
        #expect(
            written {
                $0.append(UInt8(7))
                $0.append(UInt64(0x0102_0304_0506_0708))
            } == [7, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1])
        #expect(written { $0.append(true) } == [1, 0, 0, 0])
        #expect(written { $0.append(false) } == [0, 0, 0, 0])
    }

    @Test func textEndsWithAZero() {
        #expect(written { $0.append("ab") } == [2, 0, 0, 0, 0x61, 0x62, 0])
        #expect(written { $0.append("") } == [0, 0, 0, 0, 0])
        #expect(written { $0.append(signature: "as") } == [2, 0x61, 0x73, 0])
        #expect(written { $0.appendVariant("u") { $0.append(UInt32(9)) } } == [1, 0x75, 0, 0, 9, 0, 0, 0])
    }

    /// The padding before the first element is no part of the length, and is there when there is none.
    @Test func arrays() {
        #expect(
            written {
                $0.appendArray(alignment: 4) {
                    $0.append(UInt32(1))
                    $0.append(UInt32(2))
                }
            } == [8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])
        #expect(written { $0.appendArray(alignment: 8) { _ in } } == [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(written { $0.appendArray(alignment: 8) { $0.append(UInt64(5)) } } == [8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func whatIsWrittenIsRead() throws {
        var reader = DBusReader(
            written {
                $0.append(UInt8(1))
                $0.append("text")
                $0.append(UInt32(77))
                $0.append(signature: "a{sv}")
            })
        #expect(try reader.readByte() == 1)
        #expect(try reader.readString() == "text")
        #expect(try reader.readUInt32() == 77)
        #expect(try reader.readSignature() == "a{sv}")
        #expect(reader.isAtEnd)
        #expect(throws: DBusFailure.malformed) { try reader.readByte() }
    }

    @Test(
        arguments: [
            [3, 0, 0, 0, 0x61, 0x62, 0], [2, 0, 0, 0, 0x61, 0, 0], [2, 0, 0, 0, 0xff, 0x61, 0], [2, 0, 0, 0, 0x61, 0x62, 1],
            [0xff, 0xff, 0xff, 0xff, 0], [0, 0, 0], [1, 0, 0, 0, 0x61],
        ] as [[UInt8]]) func textThatIsNone(bytes: [UInt8])
    {
        #expect(throws: DBusFailure.malformed) {
            var reader = DBusReader(bytes)
            _ = try reader.readString()
        }
    }

    @Test func paddingIsZero() throws {
        var reader = DBusReader([1, 0, 1, 0, 5, 0, 0, 0])
        _ = try reader.readByte()
        #expect(throws: DBusFailure.malformed) { try reader.readUInt32() }
    }

    @Test(arguments: [("y", 1), ("n", 2), ("q", 2), ("b", 4), ("i", 4), ("u", 4), ("h", 4), ("x", 8), ("t", 8), ("d", 8)])
    func basicTypesArePassedOver(type: String, size: Int) throws {
        var reader = DBusReader([UInt8](repeating: 0, count: 8 + size))
        _ = try reader.readByte()
        try reader.skip(type)
        #expect(reader.position == max(size, 1) + (size == 1 ? 1 : size))
        #expect(throws: DBusFailure.malformed) {
            var short = DBusReader([UInt8](repeating: 0, count: size - 1))
            try short.skip(type)
        }
    }

    @Test(arguments: ["v", "a", "as", "(u)", "", "z", "uu"]) func otherTypesAreRefused(type: String) {
        #expect(throws: DBusFailure.malformed) {
            var reader = DBusReader([UInt8](repeating: 0, count: 64))
            try reader.skip(type)
        }
    }

    // MARK: messages

    private func full() -> DBusMessage {
        var message = DBusMessage(.signal, serial: 7)
        message.path = "/org/freedesktop/systemd1"
        message.interface = "org.freedesktop.systemd1.Manager"
        message.member = "JobRemoved"
        message.errorName = "a.b"
        message.replySerial = 5
        message.destination = ":1.2"
        message.sender = ":1.1"
        message.signature = "u"
        message.body = [1, 0, 0, 0]
        return message
    }

    /// As dbus-daemon's own library writes it: `dbus-send --system --dest=org.freedesktop.DBus / a.b.C`, with our serial.
    @Test func aCallIsEncoded() throws {
        var message = DBusMessage(.call, serial: 2)
        message.path = "/"
        message.interface = "a.b"
        message.member = "C"
        let bytes: [UInt8] = [
            0x6c, 1, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 42, 0, 0, 0,  // order, kind, flags, version; body, serial, fields
            1, 1, 0x6f, 0, 1, 0, 0, 0, 0x2f, 0, 0, 0, 0, 0, 0, 0,  // path
            2, 1, 0x73, 0, 3, 0, 0, 0, 0x61, 0x2e, 0x62, 0, 0, 0, 0, 0,  // interface
            3, 1, 0x73, 0, 1, 0, 0, 0, 0x43, 0, 0, 0, 0, 0, 0, 0,  // member
        ]
        #expect(message.encode() == bytes)
        #expect(try DBusMessage.length(Array(bytes[..<16])) == bytes.count)
        #expect(try DBusMessage(decoding: bytes) == message)
    }

    @Test func everyFieldIsRead() throws {
        let message = full()
        #expect(try DBusMessage(decoding: message.encode()) == message)
    }

    @Test func everyTruncationAndAddedByteIsRefused() {
        let bytes = full().encode()
        for count in bytes.indices { #expect(throws: DBusFailure.malformed) { try DBusMessage(decoding: Array(bytes[..<count])) } }
        #expect(throws: DBusFailure.malformed) { try DBusMessage(decoding: bytes + [0]) }
    }

    /// A field of later days; one that is known with another type is no message.
    @Test func unknownFieldsArePassedOver() throws {
        var message = DBusMessage(.reply, serial: 1)
        message.replySerial = 3
        let bytes = message.encode()
        var unknown = bytes
        unknown[16] = 200
        #expect(try DBusMessage(decoding: unknown).replySerial == nil)
        var mistyped = bytes
        mistyped[16] = 1
        #expect(throws: DBusFailure.malformed) { try DBusMessage(decoding: mistyped) }
    }

    @Test(arguments: [(0, 0x42), (1, 0), (1, 9), (3, 2), (7, 1), (15, 1), (8, 0)] as [(Int, UInt8)])
    func anotherHeaderIsRefused(position: Int, value: UInt8) {
        var bytes = DBusMessage(.call, serial: 1).encode()
        bytes[position] = value
        #expect(throws: DBusFailure.malformed) { try DBusMessage(decoding: bytes) }
    }

    /// Lengths are checked before anything is read or reserved.
    @Test func longMessagesAreRefusedByTheirFirstBytes() throws {
        for (body, fields) in [(UInt32.max, UInt32(0)), (0, .max), (UInt32(DBusMessage.limit), 0), (1 << 15, 1 << 15)] {
            let prefix = written {
                for byte in [UInt8(ascii: "l"), 2, 0, 1] { $0.append(byte) }
                for number in [body, 1, fields] { $0.append(number) }
            }
            #expect(throws: DBusFailure.malformed) { try DBusMessage.length(prefix) }
        }
    }

    /// Whatever decodes encodes to something that decodes to the same; nothing traps.
    @Test func mutantsAreRefusedOrKept() throws {
        var generator = SystemRandomNumberGenerator()
        let valid = full().encode()
        var kept = 0
        for _ in 0..<20_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            guard let message = try? DBusMessage(decoding: bytes) else { continue }
            kept += 1
            #expect(try DBusMessage(decoding: message.encode()) == message, "\(bytes)")
        }
        #expect(kept > 0 && kept < 20_000)
    }

    /// The names that buses and systemd give their refusals.
    @Test(arguments: [
        ("org.freedesktop.DBus.Error.AccessDenied", Errno.permissionDenied), ("org.freedesktop.systemd1.UnitExists", .fileExists),
        ("org.freedesktop.DBus.Error.ServiceUnknown", .connectionRefused), ("org.freedesktop.DBus.Error.NoReply", .timedOut),
        ("org.freedesktop.DBus.Error.LimitsExceeded", .resourceTemporarilyUnavailable), ("anything.Else", .invalidArgument),
    ]) func refusalsHaveNumbers(name: String, errno: Errno) {
        #expect(DBusFailure.refused(name).errno == errno)
        #expect(DBusFailure.timedOut.errno == .timedOut && DBusFailure.socket(.noSuchFileOrDirectory).errno == .noSuchFileOrDirectory)
    }
}
