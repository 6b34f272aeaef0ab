/// Looks for an object of a JSON document that has two members of one name. Readers take the first or the last of them, so that such a
/// document says one thing to who checks it and another to who runs it. See: RFC 8259, section 4.
enum DuplicateMembers {
    /// The first such name. For what a JSON reader has accepted; anything else gives some answer.
    static func first(in bytes: [UInt8]) -> String? {
        // The names of each object that is open; nil for an array.
        var open: [Set<[UInt8]>?] = []
        var expectsName = false
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "{"):
                open.append([])
                expectsName = true
            case UInt8(ascii: "["):
                open.append(nil)
                expectsName = false
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                open.removeLast(open.isEmpty ? 0 : 1)
                expectsName = false
            case UInt8(ascii: ","): expectsName = (open.last ?? nil) != nil
            case UInt8(ascii: ":"): expectsName = false
            case UInt8(ascii: "\""):
                let start = index + 1
                index = end(of: bytes, from: start)
                if expectsName, let last = open.indices.last {
                    let name = unescaped(bytes[start..<min(index, bytes.count)])
                    if open[last]?.insert(name).inserted == false { return String(decoding: name, as: UTF8.self) }
                }
            default: break
            }
            index += 1
        }
        return nil
    }

    /// The closing quotation mark of a string.
    private static func end(of bytes: [UInt8], from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
        return index
    }

    /// `\u0063onfig` is `config` to every reader. Surrogates stay as they are written: they only have to be told apart.
    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(UInt8(ascii: "\\")) else { return Array(text) }
        var result: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                result.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "u"):
                let digits = rest.prefix(4)
                if let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), let scalar = Unicode.Scalar(value) {
                    result += Array(String(Character(scalar)).utf8)
                } else {
                    result += [byte, escape] + digits
                }
                rest = rest.dropFirst(4)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            default: result.append(escape)
            }
        }
        return result
    }
}
