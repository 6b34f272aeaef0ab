/// A message of Protocol Buffers, as far as CRIU's need it: numbers, texts and messages inside. See: protobuf.dev, "Encoding".
struct ProtocolBuffer: Sendable, Hashable {
    private(set) var bytes: [UInt8] = []

    init() {}

    mutating func add(_ field: Int, number: Int64) {
        append(UInt64(field) << 3)
        append(UInt64(bitPattern: number))
    }

    mutating func add(_ field: Int, flag: Bool) { add(field, number: flag ? 1 : 0) }

    mutating func add(_ field: Int, text: String) { add(field, Array(text.utf8)) }

    mutating func add(_ field: Int, message: ProtocolBuffer) { add(field, message.bytes) }

    private mutating func add(_ field: Int, _ content: [UInt8]) {
        append(UInt64(field) << 3 | 2)
        append(UInt64(content.count))
        bytes += content
    }

    private mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// The fields of a message that was received. Of a field that is there twice the last counts.
struct ProtocolBufferFields: Sendable, Hashable {
    private var numbers: [UInt64: UInt64] = [:]
    private var contents: [UInt64: ArraySlice<UInt8>] = [:]

    /// - Returns: nil for what is no message.
    init?(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        while !rest.isEmpty {
            guard let key = Self.number(&rest) else { return nil }
            switch key & 7 {
            case 0:
                guard let number = Self.number(&rest) else { return nil }
                numbers[key >> 3] = number
            case 1:
                guard rest.count >= 8 else { return nil }
                rest.removeFirst(8)
            case 2:
                guard let count = Self.number(&rest), count <= UInt64(rest.count) else { return nil }
                contents[key >> 3] = rest.prefix(Int(count))
                rest.removeFirst(Int(count))
            case 5:
                guard rest.count >= 4 else { return nil }
                rest.removeFirst(4)
            default: return nil
            }
        }
    }

    private static func number(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var result: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            result |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return result }
        }
        return nil
    }

    func number(_ field: UInt64) -> Int64? { numbers[field].map { Int64(bitPattern: $0) } }

    func text(_ field: UInt64) -> String? { contents[field].map { String(decoding: $0, as: UTF8.self) } }

    func message(_ field: UInt64) -> ProtocolBufferFields? { contents[field].flatMap { ProtocolBufferFields($0) } }
}
