/// The name of a container: 1…128 letters, digits, `_`, `.`, `-` and `+`, the first a letter or a digit. So it is a file
/// name, never a path, and can't be taken for an option.
public struct ContainerID: Sendable, Hashable, Comparable, CustomStringConvertible, LosslessStringConvertible {
    /// The name.
    public let description: String

    /// Checks a name; nil when it is none.
    public init?(_ name: String) {
        let letters = name.utf8
        guard (1...128).contains(letters.count), let first = letters.first, Self.isAlphanumeric(first) else { return nil }
        let punctuation = "_.-+".utf8
        guard letters.allSatisfy({ Self.isAlphanumeric($0) || punctuation.contains($0) }) else { return nil }
        description = name
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    /// Orders by name.
    public static func < (left: ContainerID, right: ContainerID) -> Bool { left.description < right.description }
}

extension ContainerID: Codable {
    /// Decodes a name.
    /// - Throws: `DecodingError.dataCorrupted` when it is none.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let name = try container.decode(String.self)
        guard let id = ContainerID(name) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(name) is not a container's name")
        }
        self = id
    }

    /// Encodes the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
