import FoundationEssentials

/// Any JSON, compared by meaning: the order of members does not count.
enum JSONValue: Hashable, Codable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(_ text: String) throws { self = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }
    init(encoding value: some Encodable) throws { self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value)) }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The paths of all members that differ between two documents.
    func differences(to other: JSONValue, at path: String = "") -> [String] {
        switch (self, other) {
        case (.object(let left), .object(let right)):
            Set(left.keys).union(right.keys).sorted().flatMap { key in
                guard let mine = left[key], let theirs = right[key] else { return ["\(path)/\(key)"] }
                return mine.differences(to: theirs, at: "\(path)/\(key)")
            }
        case (.array(let left), .array(let right)) where left.count == right.count:
            left.indices.flatMap { left[$0].differences(to: right[$0], at: "\(path)/\($0)") }
        default: self == other ? [] : [path]
        }
    }
}
