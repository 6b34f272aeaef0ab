internal import Glibc

/// The lines of one chunk.
struct ChunkLines {
    private var chunk: [UInt8] = []
    /// What was not handed out begins here.
    private var position = 0
    /// What follows the last line feed begins here.
    private var end = 0
    /// The lines from `textStart` to `end`, byte for byte as in the chunk; empty where they are no UTF-8.
    private var text = ""
    private var textStart = 0

    /// Begins a chunk.
    /// - Parameter beginning: of its first line; taken when that ends here.
    /// - Returns: the first line; nil when the chunk has no line feed.
    mutating func begin(_ chunk: [UInt8], after beginning: inout [UInt8]) -> Substring? {
        (self.chunk, position, end, text) = (chunk, 0, 0, "")
        guard let first = Self.lineFeed(in: chunk, from: 0), let last = chunk.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
        end = last + 1
        if !beginning.isEmpty {
            position = first + 1
            beginning += chunk[..<first]
        }
        // Checked and copied all at once, which costs a tenth of doing it for each line.
        textStart = position
        text = String(decoding: chunk[position..<end], as: UTF8.self)
        if text.utf8.count != end - position { text = "" }
        guard !beginning.isEmpty else { return next() }
        defer { beginning = [] }
        return Self.repaired(beginning, 0, beginning.count)
    }

    /// The next line that ends in this chunk.
    mutating func next() -> Substring? {
        guard position < end, let lineFeed = Self.lineFeed(in: chunk, from: position) else { return nil }
        let start = position
        position = lineFeed + 1
        guard !text.isEmpty else { return Self.repaired(chunk, start, lineFeed) }
        let bytes = text.utf8
        let first = bytes.index(bytes.startIndex, offsetBy: start - textStart)
        let last = bytes.index(bytes.startIndex, offsetBy: Self.withoutReturn(chunk, start, lineFeed) - textStart)
        return Substring(bytes[first..<last])
    }

    /// What was not handed out.
    var rest: ArraySlice<UInt8> { chunk[position...] }

    mutating func takeRest() -> ArraySlice<UInt8> {
        defer { (chunk, position, end, text) = ([], 0, 0, "") }
        return rest
    }

    private static func repaired(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Substring {
        Substring(String(decoding: bytes[start..<withoutReturn(bytes, start, end)], as: UTF8.self))
    }

    /// A carriage return before the line feed is a terminal's and goes too.
    private static func withoutReturn(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        end > start && bytes[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
    }

    /// By memchr(3), many bytes at a time.
    private static func lineFeed(in chunk: [UInt8], from start: Int) -> Int? {
        chunk.withUnsafeBytes { bytes in
            guard start < bytes.count, let base = bytes.baseAddress,
                let found = memchr(base + start, CInt(UInt8(ascii: "\n")), bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}
