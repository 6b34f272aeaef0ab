/// The output of a process, line by line.
public struct ContainerLines: AsyncSequence, Sendable {
    public typealias Element = String

    /// A line longer than this, in bytes, is handed out in pieces.
    static let longestLine = 1 << 20

    private let output: ContainerOutput
    init(_ output: ContainerOutput) { self.output = output }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var chunks: ContainerOutput.AsyncIterator
        private var buffer: [UInt8] = []
        private var position = 0
        private var hasEnded = false

        init(_ chunks: ContainerOutput.AsyncIterator) { self.chunks = chunks }

        /// The next line; nil at the end. A last line without a terminator counts.
        public mutating func next() async throws -> String? {
            var searched = position
            while true {
                if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                    defer { position = end + 1 }
                    return Self.text(buffer[position..<end])
                }
                searched = buffer.count
                if hasEnded || buffer.count - position >= ContainerLines.longestLine {
                    defer { position = buffer.count }
                    return position == buffer.count ? nil : Self.text(buffer[position...])
                }
                if position > 0 {
                    buffer.removeFirst(position)
                    (searched, position) = (searched - position, 0)
                }
                if let chunk = try await chunks.next() { buffer.append(contentsOf: chunk) } else { hasEnded = true }
            }
        }

        /// A carriage return before the line feed is a terminal's and goes too.
        private static func text(_ bytes: ArraySlice<UInt8>) -> String {
            String(decoding: bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes, as: UTF8.self)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(output.makeAsyncIterator()) }
}
