/// One challenge of a WWW-Authenticate header. See: RFC 9110, section 11.6.1.
struct AuthenticationChallenge: Hashable, Sendable {
    /// Lower case: `bearer`, `basic`.
    var scheme: String
    /// Names in lower case.
    var parameters: [String: String]

    /// All challenges of one header value. What does not parse ends the list.
    static func parse(_ header: String) -> [AuthenticationChallenge] {
        var parser = Parser(Array(header.utf8))
        return parser.challenges()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0
        init(_ bytes: [UInt8]) { self.bytes = bytes }

        mutating func challenges() -> [AuthenticationChallenge] {
            var found: [AuthenticationChallenge] = []
            skipSeparators()
            while let scheme = token() {
                var challenge = AuthenticationChallenge(scheme: scheme.lowercased(), parameters: [:])
                skipSpaces()
                while let (name, value) = parameter() {
                    // The first wins: a second of the same name is an attempt to be read differently elsewhere.
                    if challenge.parameters[name] == nil { challenge.parameters[name] = value }
                    skipSeparators()
                }
                found.append(challenge)
                skipSeparators()
            }
            return found
        }

        /// `name=value`; nothing is consumed when it is none (the next challenge's scheme).
        private mutating func parameter() -> (String, String)? {
            let start = position
            guard let name = token() else { return nil }
            skipSpaces()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "=") else {
                position = start
                return nil
            }
            position += 1
            skipSpaces()
            guard let value = quoted() ?? token() else {
                position = start
                return nil
            }
            return (name.lowercased(), value)
        }

        private mutating func token() -> String? {
            let start = position
            while position < bytes.count, Self.isToken(bytes[position]) { position += 1 }
            return position == start ? nil : String(decoding: bytes[start..<position], as: UTF8.self)
        }

        private mutating func quoted() -> String? {
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
            var text: [UInt8] = []
            var index = position + 1
            while index < bytes.count {
                switch bytes[index] {
                case UInt8(ascii: "\""):
                    position = index + 1
                    return String(decoding: text, as: UTF8.self)
                case UInt8(ascii: "\\") where index + 1 < bytes.count:
                    index += 1
                    text.append(bytes[index])
                default: text.append(bytes[index])
                }
                index += 1
            }
            return nil
        }

        private mutating func skipSpaces() {
            while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x09 { position += 1 }
        }

        private mutating func skipSeparators() {
            while position < bytes.count, [0x20, 0x09, UInt8(ascii: ",")].contains(bytes[position]) { position += 1 }
        }

        private static func isToken(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "!#$%&'*+-.^_`|~/".utf8.contains(byte)
            }
        }
    }
}
