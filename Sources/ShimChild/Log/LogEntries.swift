internal import CLinux

/// Cuts one stream into lines and puts them into the form of a log.
struct LogEntries {
    /// A longer line is written in pieces, as Docker does.
    static let longestLine = 16 * 1024

    let stream: String
    let form: LogPlan.Form
    private var line: [UInt8] = []

    init(stream: String, form: LogPlan.Form) {
        self.stream = stream
        self.form = form
    }

    /// Something waits for the rest of its line.
    var hasRest: Bool { !line.isEmpty }

    /// Entries of whole lines, appended to `text`.
    mutating func add(_ bytes: ArraySlice<UInt8>, time: [UInt8], to text: inout [UInt8]) {
        var rest = bytes
        while !rest.isEmpty {
            let room = Self.longestLine - line.count
            let piece = rest.prefix(room)
            if let end = piece.firstIndex(of: UInt8(ascii: "\n")) {
                line += rest[...end]
                rest = rest[(end + 1)...]
                write(line[...], time, &text)
                line.removeAll(keepingCapacity: true)
            } else {
                line += piece
                rest = rest.dropFirst(piece.count)
                if line.count >= Self.longestLine { flush(time: time, to: &text) }
            }
        }
    }

    /// What is there of a line that has not ended; a character that is not complete stays.
    mutating func flush(time: [UInt8], isEnd: Bool = false, to text: inout [UInt8]) {
        let kept = isEnd ? 0 : Self.incompleteCharacter(line)
        guard line.count > kept else { return }
        write(line.dropLast(kept), time, &text)
        line.removeFirst(line.count - kept)
    }

    /// Bytes at the end that begin a character of UTF-8 and do not end it.
    static func incompleteCharacter(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xc0 == 0x80 { continue }
            let length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }

    private func write(_ bytes: ArraySlice<UInt8>, _ time: [UInt8], _ text: inout [UInt8]) {
        let isWhole = bytes.last == UInt8(ascii: "\n")
        if form == .cri {
            text += time + Array(" \(stream) \(isWhole ? "F" : "P") ".utf8) + bytes
            if !isWhole { text.append(UInt8(ascii: "\n")) }
            return
        }
        text += Array("{\"log\":\"".utf8)
        Self.escape(bytes, &text)
        text += Array("\",\"stream\":\"\(stream)\",\"time\":\"".utf8) + time + Array("\"}\n".utf8)
    }

    /// JSON's string syntax; invalid UTF-8 becomes the replacement character.
    private static func escape(_ bytes: ArraySlice<UInt8>, _ text: inout [UInt8]) {
        let hex = Array("0123456789abcdef".utf8)
        let isPlain = bytes.allSatisfy { $0 < 0x80 }
        for byte in isPlain ? Array(bytes) : Array(String(decoding: bytes, as: UTF8.self).utf8) {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): text += Array("\\n".utf8)
            case UInt8(ascii: "\r"): text += Array("\\r".utf8)
            case UInt8(ascii: "\t"): text += Array("\\t".utf8)
            case ..<0x20: text += Array("\\u00".utf8) + [hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            default: text.append(byte)
            }
        }
    }
}
