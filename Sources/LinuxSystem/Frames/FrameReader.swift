/// What is wrong with a frame.
package enum FrameError: Error, Hashable, Sendable {
    /// It ends inside a value.
    case truncated
    /// A value lies outside its type: a boolean of 7, an unknown case, invalid UTF-8, a NUL inside a C string.
    case invalidValue
    /// Bytes are left after the last value.
    case trailingBytes
    /// Written by another version of the package.
    case version(UInt32)
}

/// Decodes what `FrameWriter` wrote. Nothing in it is believed: every length is checked against what is left before
/// anything is allocated.
package struct FrameReader: Sendable {
    private let bytes: [UInt8]
    private var position = 0

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var remaining: Int { bytes.count - position }

    package mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(FrameError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw .truncated }
        var value: Value = 0
        for index in (0..<size).reversed() {
            value = (size == 1 ? 0 : value << 8) | Value(truncatingIfNeeded: bytes[position + index])
        }
        position += size
        return value
    }

    package mutating func readBool() throws(FrameError) -> Bool {
        switch try read(UInt8.self) {
        case 0: false
        case 1: true
        default: throw .invalidValue
        }
    }

    package mutating func readBytes() throws(FrameError) -> [UInt8] {
        let count = Int(try read(UInt32.self))
        guard remaining >= count else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// A string that may become a C string: valid UTF-8 without NUL.
    package mutating func readString() throws(FrameError) -> String {
        let value = try readBytes()
        guard !value.contains(0), let string = String(validating: value, as: UTF8.self) else { throw .invalidValue }
        return string
    }

    package mutating func readOptionalString() throws(FrameError) -> String? {
        try readBool() ? try readString() : nil
    }

    /// As many elements as the frame says. No more room is reserved than the bytes that are left could fill.
    package mutating func readArray<Element>(
        _ decode: (inout FrameReader) throws(FrameError) -> Element
    ) throws(FrameError) -> [Element] {
        let count = Int(try read(UInt32.self))
        guard count <= remaining else { throw .truncated }
        var elements: [Element] = []
        elements.reserveCapacity(min(count, 1024))
        for _ in 0..<count { elements.append(try decode(&self)) }
        return elements
    }

    /// What is left, whatever it is.
    package mutating func readRest() -> [UInt8] {
        defer { position = bytes.count }
        return Array(bytes[position...])
    }

    package func finish() throws(FrameError) {
        if remaining != 0 { throw .trailingBytes }
    }
}
