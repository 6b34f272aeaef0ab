/// Reads JSON values one after the other. See: RFC 8259.
struct JSONScanner {
    private var position = 0
    private let end: Int

    init(end: Int) { self.end = end }

    /// Reads the one value of a text.
    mutating func scan(_ bytes: [UInt8], into nodes: inout [JSONDocument.Node]) throws(JSONSyntaxError) {
        skipSpace(bytes)
        try value(bytes, &nodes, depth: 0)
        skipSpace(bytes)
        if position < end { throw failure("there is more after the value") }
    }

    private mutating func value(_ bytes: [UInt8], _ nodes: inout [JSONDocument.Node], depth: Int) throws(JSONSyntaxError) {
        guard position < end else { throw failure("the text ends where a value should be") }
        guard depth < JSONDocument.deepest else { throw failure("values are nested deeper than \(JSONDocument.deepest)") }
        switch bytes[position] {
        case UInt8(ascii: "{"): try object(bytes, &nodes, depth)
        case UInt8(ascii: "["): try array(bytes, &nodes, depth)
        case UInt8(ascii: "\""): try string(bytes, &nodes)
        case UInt8(ascii: "t"): try word("true", .yes, bytes, &nodes)
        case UInt8(ascii: "f"): try word("false", .no, bytes, &nodes)
        case UInt8(ascii: "n"): try word("null", .null, bytes, &nodes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(bytes, &nodes)
        default: throw failure("no value begins so")
        }
    }

    private mutating func object(_ bytes: [UInt8], _ nodes: inout [JSONDocument.Node], _ depth: Int) throws(JSONSyntaxError) {
        let index = open(.object, &nodes)
        skipSpace(bytes)
        if take("}", bytes) { return close(index, &nodes, count: 0) }
        var count: Int32 = 0
        while true {
            skipSpace(bytes)
            guard position < end, bytes[position] == UInt8(ascii: "\"") else { throw failure("a name in quotes is missing") }
            try string(bytes, &nodes)
            skipSpace(bytes)
            guard take(":", bytes) else { throw failure("a colon is missing") }
            skipSpace(bytes)
            try value(bytes, &nodes, depth: depth + 1)
            count += 1
            skipSpace(bytes)
            if take(",", bytes) { continue }
            guard take("}", bytes) else { throw failure("a comma or the end of the object is missing") }
            return close(index, &nodes, count: count)
        }
    }

    private mutating func array(_ bytes: [UInt8], _ nodes: inout [JSONDocument.Node], _ depth: Int) throws(JSONSyntaxError) {
        let index = open(.array, &nodes)
        skipSpace(bytes)
        if take("]", bytes) { return close(index, &nodes, count: 0) }
        var count: Int32 = 0
        while true {
            skipSpace(bytes)
            try value(bytes, &nodes, depth: depth + 1)
            count += 1
            skipSpace(bytes)
            if take(",", bytes) { continue }
            guard take("]", bytes) else { throw failure("a comma or the end of the array is missing") }
            return close(index, &nodes, count: count)
        }
    }

    private mutating func open(_ kind: JSONDocument.Kind, _ nodes: inout [JSONDocument.Node]) -> Int {
        nodes.append(.init(kind: kind, start: Int32(position), end: 0, next: 0, count: 0))
        position += 1
        return nodes.count - 1
    }

    private func close(_ index: Int, _ nodes: inout [JSONDocument.Node], count: Int32) {
        nodes[index].end = Int32(position)
        nodes[index].count = count
        nodes[index].next = Int32(nodes.count)
    }

    private mutating func string(_ bytes: [UInt8], _ nodes: inout [JSONDocument.Node]) throws(JSONSyntaxError) {
        position += 1
        let start = position
        var kind = JSONDocument.Kind.string
        while position < end {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                leaf(kind, start, &nodes)
                position += 1
                return
            }
            if byte < 0x20 { throw failure("a control character in a string") }
            if byte == UInt8(ascii: "\\") {
                kind = .escapedString
                try escape(bytes)
            } else {
                position += 1
            }
        }
        throw failure("a string does not end")
    }

    private mutating func escape(_ bytes: [UInt8]) throws(JSONSyntaxError) {
        position += 1
        guard position < end else { throw failure("a string does not end") }
        switch bytes[position] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            guard position + 4 < end, bytes[(position + 1)...(position + 4)].allSatisfy({ Self.hexadecimal($0) != nil }) else {
                throw failure("an escape without four digits")
            }
            position += 5
        default: throw failure("an unknown escape")
        }
    }

    private mutating func word(
        _ word: StaticString, _ kind: JSONDocument.Kind, _ bytes: [UInt8], _ nodes: inout [JSONDocument.Node]
    ) throws(JSONSyntaxError) {
        let count = word.utf8CodeUnitCount
        let matches = position + count <= end && word.withUTF8Buffer { $0.elementsEqual(bytes[position..<(position + count)]) }
        guard matches else { throw failure("no value begins so") }
        let start = position
        position += count
        leaf(kind, start, &nodes)
    }

    private mutating func number(_ bytes: [UInt8], _ nodes: inout [JSONDocument.Node]) throws(JSONSyntaxError) {
        let start = position
        _ = take("-", bytes)
        let isZero = position < end && bytes[position] == UInt8(ascii: "0")
        let first = digits(bytes)
        guard first > 0, !isZero || first == 1 else { throw failure("no number") }
        if take(".", bytes), digits(bytes) == 0 { throw failure("no number") }
        if take("e", bytes) || take("E", bytes) {
            if !take("+", bytes) { _ = take("-", bytes) }
            if digits(bytes) == 0 { throw failure("no number") }
        }
        leaf(.number, start, &nodes)
    }

    private mutating func digits(_ bytes: [UInt8]) -> Int {
        let start = position
        while position < end, bytes[position] >= UInt8(ascii: "0"), bytes[position] <= UInt8(ascii: "9") { position += 1 }
        return position - start
    }

    private func leaf(_ kind: JSONDocument.Kind, _ start: Int, _ nodes: inout [JSONDocument.Node]) {
        nodes.append(.init(kind: kind, start: Int32(start), end: Int32(position), next: Int32(nodes.count + 1), count: 0))
    }

    private mutating func take(_ character: Unicode.Scalar, _ bytes: [UInt8]) -> Bool {
        guard position < end, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace(_ bytes: [UInt8]) {
        while position < end, bytes[position] == 0x20 || bytes[position] == 0x0a || bytes[position] == 0x0d || bytes[position] == 0x09 {
            position += 1
        }
    }

    private func failure(_ reason: String) -> JSONSyntaxError { JSONSyntaxError(offset: position, reason: reason) }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// A checked string without its escapes; halves of surrogate pairs become U+FFFD.
    static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        var units: [UInt16] = []
        var text = ""
        var index = bytes.startIndex
        var plain = index
        func flush(_ text: inout String, _ units: inout [UInt16]) {
            if units.isEmpty { return }
            text += String(decoding: units, as: UTF16.self)
            units.removeAll()
        }
        while index < bytes.endIndex {
            guard bytes[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            if plain < index {
                flush(&text, &units)
                text += String(decoding: bytes[plain..<index], as: UTF8.self)
            }
            let letter = bytes[index + 1]
            index += 2
            switch letter {
            case UInt8(ascii: "b"): units.append(8)
            case UInt8(ascii: "f"): units.append(12)
            case UInt8(ascii: "n"): units.append(10)
            case UInt8(ascii: "r"): units.append(13)
            case UInt8(ascii: "t"): units.append(9)
            case UInt8(ascii: "u"):
                units.append(bytes[index..<(index + 4)].reduce(0) { $0 << 4 | (hexadecimal($1) ?? 0) })
                index += 4
            default: units.append(UInt16(letter))
            }
            plain = index
        }
        flush(&text, &units)
        if plain < index { text += String(decoding: bytes[plain..<index], as: UTF8.self) }
        return text
    }
}
