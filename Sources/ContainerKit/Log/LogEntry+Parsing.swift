extension LogEntry {
    /// One line of a log file, without its line feed; nil for what no logger of ours wrote.
    init?(_ line: ArraySlice<UInt8>, form: LogOptions.Form) {
        guard let entry = form == .json ? Self.json(line) : Self.cri(line) else { return nil }
        self = entry
    }

    private static func cri(_ line: ArraySlice<UInt8>) -> LogEntry? {
        let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let stream = Stream(rawValue: String(decoding: fields[1], as: UTF8.self)) else { return nil }
        let isWhole = fields[2].elementsEqual("F".utf8)
        return LogEntry(
            stream: stream, time: String(decoding: fields[0], as: UTF8.self),
            bytes: Array(fields[3]) + (isWhole ? [UInt8(ascii: "\n")] : []))
    }

    private static let head = Array("{\"log\":\"".utf8)
    /// `","stream":"stdout","time":"2026-01-01T00:00:00.000000000Z"}`: what comes after the text has one length.
    private static let tailLength = 60

    private static func json(_ line: ArraySlice<UInt8>) -> LogEntry? {
        guard line.count >= head.count + tailLength, line.starts(with: head) else { return nil }
        let tail = String(decoding: line.suffix(tailLength), as: UTF8.self).split(separator: "\"", omittingEmptySubsequences: false)
        guard tail.count == 10, let stream = Stream(rawValue: String(tail[4])) else { return nil }
        return LogEntry(stream: stream, time: String(tail[8]), bytes: unescape(line.dropFirst(head.count).dropLast(tailLength)))
    }

    private static func unescape(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(UInt8(ascii: "\\")) else { return Array(text) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            switch escape {
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "u"):
                let digits = String(decoding: rest.prefix(4), as: UTF8.self)
                rest = rest.dropFirst(4)
                if let scalar = UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init) { bytes += Array(String(Character(scalar)).utf8) }
            default: bytes.append(escape)
            }
        }
        return bytes
    }
}
