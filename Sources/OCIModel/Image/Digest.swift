/// The digest of a blob: algorithm and checked hexadecimal value. See: image-spec 1.1, descriptor.md, "Digests".
public struct Digest: Sendable, Hashable {
    /// The registered algorithms.
    public enum Algorithm: String, Sendable, Hashable, CaseIterable {
        case sha256
        case sha512

        /// Length of the value in hexadecimal digits.
        public var digits: Int { self == .sha256 ? 64 : 128 }
    }

    /// Why a text is no digest.
    public enum ParseError: Error, Sendable, Hashable {
        /// There is no colon.
        case missingSeparator
        /// An algorithm this package does not know.
        case unsupportedAlgorithm(String)
        /// The value has another length than the algorithm's.
        case wrongLength(expected: Int, found: Int)
        /// A character that is no lower-case hexadecimal digit, at this offset of the text.
        case invalidCharacter(offset: Int)
    }

    public let algorithm: Algorithm
    /// Lower-case hexadecimal digits, of the algorithm's length: safe as a file name.
    public let hex: String

    /// Parses `sha256:<64 digits>` or `sha512:<128 digits>`.
    public init(_ text: String) throws(ParseError) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw .missingSeparator }
        let name = String(text[..<colon])
        guard let algorithm = Algorithm(rawValue: name) else { throw .unsupportedAlgorithm(name) }
        let value = text.utf8[text.utf8.index(after: colon)...]
        guard value.count == algorithm.digits else { throw .wrongLength(expected: algorithm.digits, found: value.count) }
        for (offset, byte) in value.enumerated() where !Self.isDigit(byte) {
            throw .invalidCharacter(offset: name.utf8.count + 1 + offset)
        }
        self.algorithm = algorithm
        hex = String(decoding: value, as: UTF8.self)
    }

    /// From the bytes that a hash function gave.
    /// - Returns: nil when their number is not the algorithm's.
    public init?(_ algorithm: Algorithm, bytes: some Collection<UInt8>) {
        guard bytes.count * 2 == algorithm.digits else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(algorithm.digits)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        self.algorithm = algorithm
        hex = String(decoding: text, as: UTF8.self)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

extension Digest: CustomStringConvertible {
    /// `sha256:<hex>`.
    public var description: String { "\(algorithm.rawValue):\(hex)" }
}

extension Digest: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do { try self.init(text) } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no digest: \(error)")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
