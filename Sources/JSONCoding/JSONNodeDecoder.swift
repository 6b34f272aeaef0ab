/// The decoder of one node.
struct JSONNodeDecoder: Decoder {
    let source: JSONSource
    let node: Int
    let path: JSONPath?

    var codingPath: [any CodingKey] { JSONPath.keys(path) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    private var value: JSONDocument.Node { source.document.nodes[node] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard value.kind == .object else { throw mismatch([String: Any].self, "is no object") }
        return KeyedDecodingContainer(JSONObject<Key>(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard value.kind == .array else { throw mismatch([Any].self, "is no array") }
        return JSONArray(decoder: self, count: Int(value.count), next: node + 1)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { JSONScalar(decoder: self) }

    func child(_ node: Int, _ key: JSONKey) -> JSONNodeDecoder {
        JSONNodeDecoder(source: source, node: node, path: JSONPath(path, key))
    }

    var isNull: Bool { value.kind == .null }

    func mismatch(_ type: Any.Type, _ reason: String) -> DecodingError {
        .typeMismatch(type, .init(codingPath: codingPath, debugDescription: reason))
    }

    func bool() throws -> Bool {
        switch value.kind {
        case .yes: return true
        case .no: return false
        default: throw mismatch(Bool.self, "is neither true nor false")
        }
    }

    func string() throws -> String {
        guard let text = source.document.string(value) else { throw mismatch(String.self, "is no string") }
        return text
    }

    /// A whole number in the range of the type; `1.0` and `1e3` are none.
    func integer<Number: FixedWidthInteger>(_ type: Number.Type) throws -> Number {
        guard value.kind == .number else { throw mismatch(type, "is no number") }
        let text = source.document.text(value)
        let isNegative = text.first == UInt8(ascii: "-")
        var number: Number = 0
        for byte in text.dropFirst(isNegative ? 1 : 0) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { throw mismatch(type, "is no whole number") }
            let digit = Number(truncatingIfNeeded: byte - UInt8(ascii: "0"))
            let (product, first) = number.multipliedReportingOverflow(by: 10)
            let (sum, second) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !first, !second else { throw mismatch(type, "\(String(decoding: text, as: UTF8.self)) is out of range") }
            number = sum
        }
        return number
    }

    func double() throws -> Double {
        guard value.kind == .number, let number = Double(String(decoding: source.document.text(value), as: UTF8.self)) else {
            throw mismatch(Double.self, "is no number")
        }
        return number
    }

    /// Any value; the common ones without the way through a container.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if type == String.self, let text = try string() as? Value { return text }
        if type == [String].self, let list = try strings() as? Value { return list }
        return try Value(from: self)
    }

    private func strings() throws -> [String] {
        guard value.kind == .array else { throw mismatch([String].self, "is no array") }
        var list: [String] = []
        list.reserveCapacity(Int(value.count))
        // Strings have no nodes below them.
        for index in 0..<Int(value.count) {
            let element = node + 1 + index
            guard source.document.nodes.indices.contains(element), let text = source.document.string(source.document.nodes[element]) else {
                throw child(element, JSONKey(intValue: index)).mismatch(String.self, "is no string")
            }
            list.append(text)
        }
        return list
    }
}

struct JSONObject<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: JSONNodeDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    var allKeys: [Key] {
        let document = decoder.source.document
        var keys: [Key] = []
        var index = decoder.node + 1
        for _ in 0..<document.nodes[decoder.node].count {
            if let name = document.string(document.nodes[index]), let key = Key(stringValue: name) { keys.append(key) }
            index = Int(document.nodes[index + 1].next)
        }
        return keys
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    private func find(_ key: Key) -> Int? { decoder.source.document.member(key.stringValue, of: decoder.node) }

    private func value(_ key: Key) throws -> JSONNodeDecoder {
        guard let node = find(key) else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "is missing"))
        }
        return decoder.child(node, JSONKey(stringValue: key.stringValue))
    }

    /// Nil for a member that is missing or null.
    private func present(_ key: Key) -> JSONNodeDecoder? {
        guard let node = find(key), decoder.source.document.nodes[node].kind != .null else { return nil }
        return decoder.child(node, JSONKey(stringValue: key.stringValue))
    }

    func decodeNil(forKey key: Key) throws -> Bool { try value(key).isNull }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try value(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try value(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try value(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try value(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try value(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try value(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try value(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try value(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try value(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try value(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try value(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try value(key).integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try value(key).decode(type) }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try present(key)?.bool() }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try present(key)?.string() }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try present(key)?.integer(type) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try present(key)?.integer(type) }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try present(key)?.integer(type) }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try present(key)?.integer(type) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? { try present(key)?.decode(type) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        try value(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { try value(key).unkeyedContainer() }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { try value(key) }
}

struct JSONArray: UnkeyedDecodingContainer {
    let decoder: JSONNodeDecoder
    let count: Int?
    private(set) var currentIndex = 0
    private var next: Int

    init(decoder: JSONNodeDecoder, count: Int, next: Int) {
        self.decoder = decoder
        self.count = count
        self.next = next
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var isAtEnd: Bool { currentIndex >= (count ?? 0) }

    private mutating func take() throws -> JSONNodeDecoder {
        let element = decoder.child(next, JSONKey(intValue: currentIndex))
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(Any.self, .init(codingPath: element.codingPath, debugDescription: "the array ends"))
        }
        next = Int(decoder.source.document.nodes[next].next)
        currentIndex += 1
        return element
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, decoder.source.document.nodes[next].kind == .null else { return false }
        _ = try take()
        return true
    }

    mutating func decode(_ type: Bool.Type) throws -> Bool { try take().bool() }
    mutating func decode(_ type: String.Type) throws -> String { try take().string() }
    mutating func decode(_ type: Double.Type) throws -> Double { try take().double() }
    mutating func decode(_ type: Float.Type) throws -> Float { Float(try take().double()) }
    mutating func decode(_ type: Int.Type) throws -> Int { try take().integer(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try take().integer(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try take().integer(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try take().integer(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try take().integer(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try take().integer(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try take().integer(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try take().integer(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try take().integer(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try take().integer(type) }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try take().decode(type) }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try take().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try take().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try take() }
}

struct JSONScalar: SingleValueDecodingContainer {
    let decoder: JSONNodeDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { decoder.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try decoder.bool() }
    func decode(_ type: String.Type) throws -> String { try decoder.string() }
    func decode(_ type: Double.Type) throws -> Double { try decoder.double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try decoder.double()) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.decode(type) }
}
