/// The output of a process, line by line.
///
/// A line is a slice of all that was read at once, so that it costs no memory of its own. `String(line)` makes one that can be kept: a slice
/// keeps the other lines alive too, 256 KiB at most.
public struct ContainerLines: AsyncSequence, Sendable {
    public typealias Element = Substring

    /// A line longer than this, in bytes, is handed out in pieces.
    static let longestLine = 1 << 20

    private let output: ContainerOutput
    init(_ output: ContainerOutput) { self.output = output }

    public struct AsyncIterator: AsyncIteratorProtocol {
        private var chunks: ContainerOutput.AsyncIterator
        /// The beginning of a line that ends in a chunk to come.
        private var beginning: [UInt8] = []
        private var lines = ChunkLines()
        private var hasEnded = false

        /// What was read and not handed out: a program that gives its place to another keeps this with what it has counted.
        public var remainder: [UInt8] { beginning + lines.rest }

        init(_ chunks: ContainerOutput.AsyncIterator) { self.chunks = chunks }

        /// The next line; nil at the end. A last line without a terminator counts.
        ///
        /// It runs where its caller does, and a line that has been read already is handed out by code in the caller: no executor is asked.
        /// - Throws: `CancellationError`, or `ShimError` when reading fails.
        @inlinable
        public nonisolated(nonsending) mutating func next(isolation actor: (any Actor)? = #isolation) async throws -> Substring? {
            if let line = nextInChunk() { return line }
            return try await nextAcrossChunks()
        }

        /// A line that has been read already.
        @usableFromInline mutating func nextInChunk() -> Substring? { lines.next() }

        @usableFromInline nonisolated(nonsending) mutating func nextAcrossChunks() async throws -> Substring? {
            while true {
                beginning += lines.takeRest()
                if hasEnded || beginning.count >= ContainerLines.longestLine { return beginning.isEmpty ? nil : takeBeginning() }
                guard let chunk = try await chunks.next() else {
                    hasEnded = true
                    continue
                }
                guard let line = lines.begin(chunk, after: &beginning) else { continue }
                return line
            }
        }

        /// All of a last line; of the piece of a long one as much as ends with a character.
        private mutating func takeBeginning() -> Substring {
            let end = hasEnded ? beginning.count : Self.endOfCharacters(in: beginning)
            defer { beginning.removeFirst(end) }
            return Substring(String(decoding: beginning[..<end], as: UTF8.self))
        }

        /// Where the last character ends whose bytes are all there.
        private static func endOfCharacters(in bytes: [UInt8]) -> Int {
            for (index, byte) in bytes.enumerated().suffix(3).reversed() where byte & 0xC0 != 0x80 {
                let length =
                    switch byte {
                    case 0xF0...: 4
                    case 0xE0...: 3
                    case 0xC0...: 2
                    default: 1
                    }
                return index + length > bytes.count ? index : bytes.count
            }
            return bytes.count
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(output.makeAsyncIterator()) }
}
