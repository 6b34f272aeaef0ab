/// Marshals values, little-endian. See: D-Bus specification, "Marshaling (Wire Format)".
package struct DBusWriter: Sendable {
    /// Alignment is counted from their beginning, so a body begins at a multiple of eight in its message.
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func align(to boundary: Int) {
        while bytes.count % boundary != 0 { bytes.append(0) }
    }

    package mutating func append(_ value: UInt8) { bytes.append(value) }

    package mutating func append(_ value: UInt32) {
        align(to: 4)
        for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * shift))) }
    }

    package mutating func append(_ value: UInt64) {
        align(to: 8)
        for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * shift))) }
    }

    package mutating func append(_ value: Bool) { append(value ? 1 : UInt32(0)) }

    /// A string or an object path.
    package mutating func append(_ value: String) {
        append(UInt32(truncatingIfNeeded: value.utf8.count))
        bytes += value.utf8
        bytes.append(0)
    }

    package mutating func append(signature: String) {
        bytes.append(UInt8(truncatingIfNeeded: signature.utf8.count))
        bytes += signature.utf8
        bytes.append(0)
    }

    /// - Parameter alignment: of its elements; the padding before the first is no part of its length.
    package mutating func appendArray(alignment: Int, _ elements: (inout DBusWriter) -> Void) {
        append(UInt32(0))
        let length = bytes.count - 4
        align(to: alignment)
        let start = bytes.count
        elements(&self)
        let count = UInt32(truncatingIfNeeded: bytes.count - start)
        for shift in 0..<4 { bytes[length + shift] = UInt8(truncatingIfNeeded: count >> UInt32(8 * shift)) }
    }

    package mutating func appendVariant(_ signature: String, _ value: (inout DBusWriter) -> Void) {
        append(signature: signature)
        value(&self)
    }

    /// Bytes that are marshaled already.
    mutating func append(body: [UInt8]) {
        align(to: 8)
        bytes += body
    }
}
