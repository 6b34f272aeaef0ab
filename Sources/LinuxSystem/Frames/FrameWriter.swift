/// Encodes a frame: little-endian fixed-width integers, and byte strings behind a 32-bit length.
///
/// Both ends are the same program, so there is no negotiation of types; versions stand in the hello and in the first
/// word of what outlives a program.
package struct FrameWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    package mutating func append<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ value: Bool) { bytes.append(value ? 1 : 0) }

    package mutating func append(_ value: [UInt8]) {
        append(UInt32(truncatingIfNeeded: value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func append(_ value: String) {
        append(UInt32(truncatingIfNeeded: value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func append(_ value: String?) {
        append(value != nil)
        if let value { append(value) }
    }

    /// Appends the number of elements and each by `encode`.
    package mutating func append<Element>(
        _ elements: [Element], _ encode: (inout FrameWriter, Element) -> Void
    ) {
        append(UInt32(truncatingIfNeeded: elements.count))
        for element in elements { encode(&self, element) }
    }
}
