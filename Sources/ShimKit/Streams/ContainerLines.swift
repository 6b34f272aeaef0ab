internal import Glibc

/// The output of a process, line by line.
public struct ContainerLines: AsyncSequence, Sendable {
    public typealias Element = String

    /// A line longer than this, in bytes, is handed out in pieces.
    static let longestLine = 1 << 20

    private let output: ContainerOutput
    init(_ output: ContainerOutput) { self.output = output }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var chunks: ContainerOutput.AsyncIterator
        /// What was read and not handed out begins at `position`: the chunk as it came, unless a line crosses its end.
        private var buffer: [UInt8] = []
        private var position = 0
        private var hasEnded = false

        /// What was read and not handed out: a program that gives its place to another keeps this with what it has counted.
        public var remainder: [UInt8] { Array(buffer[position...]) }

        init(_ chunks: ContainerOutput.AsyncIterator) { self.chunks = chunks }

        /// The next line; nil at the end. A last line without a terminator counts.
        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws -> String? {
            if let line = lineInBuffer(from: position) { return line }
            return try await lineAcrossChunks(isolation: actor)
        }

        /// A line that has been read already.
        private mutating func lineInBuffer(from searched: Int) -> String? {
            guard let end = Self.lineFeed(in: buffer, from: searched) else { return nil }
            defer { position = end + 1 }
            return Self.text(buffer, position, end)
        }

        private mutating func lineAcrossChunks(isolation actor: isolated (any Actor)?) async throws -> String? {
            var searched = buffer.count
            while true {
                if let line = lineInBuffer(from: searched) { return line }
                searched = buffer.count
                if hasEnded || buffer.count - position >= ContainerLines.longestLine {
                    defer { position = buffer.count }
                    return position == buffer.count ? nil : Self.text(buffer, position, buffer.count)
                }
                guard let chunk = try await chunks.next(isolation: actor) else {
                    hasEnded = true
                    continue
                }
                if position == buffer.count {
                    // Nothing is left over: no byte is moved.
                    (buffer, position, searched) = (chunk, 0, 0)
                } else {
                    if position > 0 {
                        buffer.removeFirst(position)
                        (searched, position) = (searched - position, 0)
                    }
                    buffer.append(contentsOf: chunk)
                }
            }
        }

        /// By memchr(3), many bytes at a time.
        private static func lineFeed(in buffer: [UInt8], from start: Int) -> Int? {
            buffer.withUnsafeBytes { bytes in
                guard start < bytes.count, let base = bytes.baseAddress,
                    let found = memchr(base + start, CInt(UInt8(ascii: "\n")), bytes.count - start)
                else { return nil }
                return UnsafeRawPointer(found) - base
            }
        }

        /// A carriage return before the line feed is a terminal's and goes too.
        private static func text(_ buffer: [UInt8], _ start: Int, _ end: Int) -> String {
            buffer.withUnsafeBytes { bytes in
                let end = end > start && bytes[end - 1] == UInt8(ascii: "\r") ? end - 1 : end
                return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self)
            }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(output.makeAsyncIterator()) }
}
