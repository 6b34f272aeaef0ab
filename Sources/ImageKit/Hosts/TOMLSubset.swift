/// The part of TOML 1.0 that `hosts.toml` is written in: tables, strings, booleans and arrays. Anything else is refused with its line.
enum TOMLSubset {
    enum Value: Sendable, Hashable {
        case string(String)
        case boolean(Bool)
        case array([Value])
    }

    struct Entry: Sendable, Hashable {
        var key: [String]
        var value: Value
        var line: Int
    }

    /// A table with the entries that follow its header; the first has an empty name.
    struct Table: Sendable, Hashable {
        var name: [String]
        var line: Int
        var entries: [Entry] = []
    }

    struct Failure: Error, Sendable, Hashable {
        var line: Int
        var reason: String
    }

    /// Tables in the file's order.
    static func parse(_ text: String) throws(Failure) -> [Table] {
        var parser = Parser(bytes: Array(text.utf8))
        return try parser.tables()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0
        var line = 1

        private var next: UInt8? { position < bytes.count ? bytes[position] : nil }
        private func failure(_ reason: String) -> Failure { Failure(line: line, reason: reason) }

        mutating func tables() throws(Failure) -> [Table] {
            var tables = [Table(name: [], line: 1)]
            while true {
                skip(lines: true)
                guard let byte = next else { return tables }
                if byte == UInt8(ascii: "[") {
                    position += 1
                    if next == UInt8(ascii: "[") { throw failure("arrays of tables are not read here") }
                    let start = line
                    let name = try key()
                    guard next == UInt8(ascii: "]") else { throw failure("a table's header does not end") }
                    position += 1
                    if tables.contains(where: { $0.name == name }) {
                        throw failure("the table \(name.joined(separator: ".")) is there twice")
                    }
                    tables.append(Table(name: name, line: start))
                } else {
                    let start = line
                    let name = try key()
                    guard next == UInt8(ascii: "=") else { throw failure("there is no = after \(name.joined(separator: "."))") }
                    position += 1
                    skip(lines: false)
                    let last = tables.count - 1
                    if tables[last].entries.contains(where: { $0.key == name }) {
                        throw failure("\(name.joined(separator: ".")) is there twice")
                    }
                    tables[last].entries.append(Entry(key: name, value: try value(depth: 0), line: start))
                }
                skip(lines: false)
                if let byte = next, byte != UInt8(ascii: "\n") { throw failure("something follows on the line") }
            }
        }

        /// White space and comments.
        private mutating func skip(lines: Bool) {
            while let byte = next {
                switch byte {
                case 0x20, 0x09, 0x0d: position += 1
                case UInt8(ascii: "#"): while let byte = next, byte != 0x0a { position += 1 }
                case 0x0a where lines:
                    position += 1
                    line += 1
                default: return
                }
            }
        }

        private mutating func key() throws(Failure) -> [String] {
            var parts: [String] = []
            while true {
                skip(lines: false)
                guard let byte = next else { throw failure("a key is missing") }
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    parts.append(try string())
                } else {
                    let start = position
                    while let byte = next, Self.isBare(byte) { position += 1 }
                    if start == position { throw failure("a key is missing") }
                    parts.append(String(decoding: bytes[start..<position], as: UTF8.self))
                }
                skip(lines: false)
                guard next == UInt8(ascii: ".") else { return parts }
                position += 1
            }
        }

        private static func isBare(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }

        private mutating func value(depth: Int) throws(Failure) -> Value {
            guard depth < 4 else { throw failure("arrays are nested too deep") }
            switch next {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): return .string(try string())
            case UInt8(ascii: "["):
                position += 1
                var values: [Value] = []
                while true {
                    skip(lines: true)
                    if next == UInt8(ascii: "]") { break }
                    values.append(try value(depth: depth + 1))
                    skip(lines: true)
                    if next == UInt8(ascii: ",") {
                        position += 1
                    } else if next != UInt8(ascii: "]") {
                        throw failure("an array does not end")
                    }
                }
                position += 1
                return .array(values)
            default:
                for (word, value) in [("true", true), ("false", false)] where bytes[position...].starts(with: word.utf8) {
                    position += word.utf8.count
                    return .boolean(value)
                }
                throw failure("only strings, booleans and arrays are read here")
            }
        }

        private mutating func string() throws(Failure) -> String {
            let quote = bytes[position]
            if bytes[position...].starts(with: [quote, quote, quote]) { throw failure("strings of several lines are not read here") }
            position += 1
            var text: [UInt8] = []
            while let byte = next, byte != 0x0a {
                position += 1
                if byte == quote { return String(decoding: text, as: UTF8.self) }
                guard byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") else {
                    text.append(byte)
                    continue
                }
                switch next {
                case UInt8(ascii: "n"): text.append(0x0a)
                case UInt8(ascii: "t"): text.append(0x09)
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(bytes[position])
                default: throw failure("this escape is not read here")
                }
                position += 1
            }
            throw failure("a string does not end")
        }
    }
}
