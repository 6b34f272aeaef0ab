/// A JSON value to be written. Members keep their order.
package indirect enum JSONValue: Sendable {
    case object([(String, JSONValue)])
    case array([JSONValue])
    case string(String)
    case integer(Int64)
    case unsigned(UInt64)
    case bool(Bool)
    case null

    /// The text: on one line, or indented by two spaces.
    package func text(isIndented: Bool = false) -> String {
        var text = ""
        write(&text, isIndented ? 0 : nil)
        return text
    }

    private func write(_ text: inout String, _ depth: Int?) {
        switch self {
        case .object(let members):
            Self.writeList(&text, depth, "{", "}", members) { text, member, depth in
                Self.writeString(member.0, &text)
                text += depth == nil ? ":" : ": "
                member.1.write(&text, depth)
            }
        case .array(let values): Self.writeList(&text, depth, "[", "]", values) { text, value, depth in value.write(&text, depth) }
        case .string(let value): Self.writeString(value, &text)
        case .integer(let value): text += String(value)
        case .unsigned(let value): text += String(value)
        case .bool(let value): text += value ? "true" : "false"
        case .null: text += "null"
        }
    }

    private static func writeList<Element>(
        _ text: inout String, _ depth: Int?, _ open: String, _ close: String, _ elements: [Element],
        _ write: (inout String, Element, Int?) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            newLine(&text, depth.map { $0 + 1 })
            write(&text, element, depth.map { $0 + 1 })
        }
        if !elements.isEmpty { newLine(&text, depth) }
        text += close
    }

    private static func newLine(_ text: inout String, _ depth: Int?) {
        guard let depth else { return }
        text += "\n" + String(repeating: "  ", count: depth)
    }

    /// A string as JSON spells it, quotes included. See: RFC 8259, section 7.
    package static func quoted(_ string: String) -> String {
        var text = ""
        writeString(string, &text)
        return text
    }

    private static func writeString(_ string: String, _ text: inout String) {
        text += "\""
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            text += string
        } else {
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\n": text += "\\n"
                case "\t": text += "\\t"
                case "\r": text += "\\r"
                case _ where scalar.value < 0x20:
                    let digits = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}
