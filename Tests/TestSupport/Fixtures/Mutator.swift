/// Damages bytes as a fuzzer does, from a corpus and a seed: the same seed gives the same bytes.
package struct Mutator {
    private var random: SeededGenerator
    private let corpus: [[UInt8]]
    private let words: [[UInt8]]

    /// - Parameters:
    ///   - corpus: bytes that make sense; not empty.
    ///   - words: pieces that are put in: names, numbers, separators that matter to the reader.
    package init(seed: UInt64, corpus: [[UInt8]], words: [[UInt8]] = []) {
        random = SeededGenerator(seed)
        self.corpus = corpus
        self.words = words
    }

    /// One of the corpus, with one to eight changes.
    package mutating func next() -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...8, using: &random) { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let size = min(bytes.count - place, Int.random(in: 1...64, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
        case 1: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
        case 2: bytes.removeSubrange(place..<(place + size))
        case 3: bytes.insert(contentsOf: Array(bytes[place..<(place + size)]), at: place)
        case 4: bytes = Array(bytes.prefix(place))
        case 5:
            let other = corpus.randomElement(using: &random) ?? []
            bytes = Array(bytes.prefix(place)) + other.suffix(Int.random(in: 0...other.count, using: &random))
        case 6:
            guard let word = words.randomElement(using: &random) else { return }
            bytes.insert(contentsOf: word, at: place)
        default:
            guard let word = words.randomElement(using: &random) else { return }
            bytes.replaceSubrange(place..<(place + min(word.count, bytes.count - place)), with: word)
        }
    }
}
