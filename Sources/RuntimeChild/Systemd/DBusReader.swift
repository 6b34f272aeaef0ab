/// Reads what `DBusWriter` and others write, little-endian. Nothing in it is believed.
package struct DBusReader: Sendable {
    private let bytes: [UInt8]
    package private(set) var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isAtEnd: Bool { position == bytes.count }

    /// Padding has to be zero.
    package mutating func align(to boundary: Int) throws(DBusFailure) {
        while position % boundary != 0 {
            guard try readByte() == 0 else { throw .malformed }
        }
    }

    package mutating func readByte() throws(DBusFailure) -> UInt8 {
        guard position < bytes.count else { throw .malformed }
        defer { position += 1 }
        return bytes[position]
    }

    package mutating func readUInt32() throws(DBusFailure) -> UInt32 {
        try align(to: 4)
        return UInt32(truncatingIfNeeded: try readLittleEndian(4))
    }

    /// A string or an object path.
    package mutating func readString() throws(DBusFailure) -> String {
        try readText(count: Int(try readUInt32()))
    }

    package mutating func readSignature() throws(DBusFailure) -> String {
        try readText(count: Int(try readByte()))
    }

    /// Passes over a value of a basic type; of others there are none in the header fields of a message.
    package mutating func skip(_ signature: String) throws(DBusFailure) {
        switch signature {
        case "y": _ = try readByte()
        case "n", "q": try skipAligned(2)
        case "b", "i", "u", "h": try skipAligned(4)
        case "x", "t", "d": try skipAligned(8)
        case "s", "o": _ = try readString()
        case "g": _ = try readSignature()
        default: throw .malformed
        }
    }

    private mutating func skipAligned(_ size: Int) throws(DBusFailure) {
        try align(to: size)
        _ = try readLittleEndian(size)
    }

    private mutating func readLittleEndian(_ size: Int) throws(DBusFailure) -> UInt64 {
        guard bytes.count - position >= size else { throw .malformed }
        var value: UInt64 = 0
        for index in (0..<size).reversed() { value = value << 8 | UInt64(bytes[position + index]) }
        position += size
        return value
    }

    private mutating func readText(count: Int) throws(DBusFailure) -> String {
        guard bytes.count - position > count, bytes[position + count] == 0 else { throw .malformed }
        let text = bytes[position..<position + count]
        guard !text.contains(0), let string = String(validating: text, as: UTF8.self) else { throw .malformed }
        position += count + 1
        return string
    }
}
