/// One message. See: D-Bus specification, "Message Format".
package struct DBusMessage: Sendable, Hashable {
    package enum Kind: UInt8, Sendable {
        case call = 1
        case reply, error, signal
    }

    package var kind: Kind
    package var serial: UInt32
    package var path: String?
    package var interface: String?
    package var member: String?
    package var errorName: String?
    package var replySerial: UInt32?
    package var destination: String?
    package var sender: String?
    /// Types of the body's values.
    package var signature = ""
    package var body: [UInt8] = []

    package init(_ kind: Kind, serial: UInt32) {
        self.kind = kind
        self.serial = serial
    }

    /// Longer ones are refused: what is asked for here is answered in some hundred bytes.
    package static let limit = 64 * 1024
    /// So many bytes say how long a message is.
    package static let prefix = 16

    package func encode() -> [UInt8] {
        var writer = DBusWriter()
        for byte in [UInt8(ascii: "l"), kind.rawValue, 0, 1] { writer.append(byte) }
        writer.append(UInt32(truncatingIfNeeded: body.count))
        writer.append(serial)
        writer.appendArray(alignment: 8) { writer in
            func field(_ code: UInt8, _ signature: String, _ value: (inout DBusWriter) -> Void) {
                writer.align(to: 8)
                writer.append(code)
                writer.appendVariant(signature, value)
            }
            func text(_ code: UInt8, _ signature: String, _ value: String?) {
                if let value { field(code, signature) { $0.append(value) } }
            }
            text(1, "o", path)
            text(2, "s", interface)
            text(3, "s", member)
            text(4, "s", errorName)
            if let replySerial { field(5, "u") { $0.append(replySerial) } }
            text(6, "s", destination)
            text(7, "s", sender)
            if !signature.isEmpty { field(8, "g") { $0.append(signature: signature) } }
        }
        writer.append(body: body)
        return writer.bytes
    }

    /// The length of the whole message.
    /// - Parameter prefix: its first 16 bytes.
    package static func length(_ prefix: [UInt8]) throws(DBusFailure) -> Int {
        var reader = DBusReader(prefix)
        guard try reader.readByte() == UInt8(ascii: "l") else { throw .malformed }
        _ = try (reader.readByte(), reader.readByte())
        guard try reader.readByte() == 1 else { throw .malformed }
        let body = Int(try reader.readUInt32())
        _ = try reader.readUInt32()
        let fields = Int(try reader.readUInt32())
        guard body <= limit, fields <= limit else { throw .malformed }
        let length = (Self.prefix + fields + 7) / 8 * 8 + body
        guard length <= limit else { throw .malformed }
        return length
    }

    /// - Parameter bytes: one message and nothing else.
    package init(decoding bytes: [UInt8]) throws(DBusFailure) {
        guard bytes.count >= Self.prefix, try Self.length(Array(bytes[..<Self.prefix])) == bytes.count else { throw .malformed }
        var reader = DBusReader(bytes)
        _ = try reader.readByte()
        // Kinds that nobody knows yet are to be passed over; none has come in twenty years.
        guard let kind = Kind(rawValue: try reader.readByte()) else { throw .malformed }
        _ = try (reader.readByte(), reader.readByte())
        let bodyCount = Int(try reader.readUInt32())
        self.init(kind, serial: try reader.readUInt32())
        guard serial != 0 else { throw .malformed }
        let end = Self.prefix + Int(try reader.readUInt32())
        while reader.position < end {
            try reader.align(to: 8)
            let code = try reader.readByte()
            let type = try reader.readSignature()
            switch (code, type) {
            case (1, "o"): path = try reader.readString()
            case (2, "s"): interface = try reader.readString()
            case (3, "s"): member = try reader.readString()
            case (4, "s"): errorName = try reader.readString()
            case (5, "u"): replySerial = try reader.readUInt32()
            case (6, "s"): destination = try reader.readString()
            case (7, "s"): sender = try reader.readString()
            case (8, "g"): signature = try reader.readSignature()
            case (0...8, _): throw .malformed
            default: try reader.skip(type)
            }
        }
        guard reader.position == end else { throw .malformed }
        try reader.align(to: 8)
        guard reader.position + bodyCount == bytes.count else { throw .malformed }
        body = Array(bytes[reader.position...])
    }
}
