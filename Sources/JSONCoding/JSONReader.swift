/// Decodes values from JSON as Swift's own coding does, without Foundation: members that a type does not know are ignored, numbers
/// have to fit exactly.
package enum JSONReader {
    /// Decodes one value.
    /// - Throws: `JSONSyntaxError`, or `DecodingError` with the path of the member.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        let document = try JSONDocument(bytes)
        return try Value(from: JSONNodeDecoder(source: JSONSource(document), node: 0, path: nil))
    }

    /// What a failed decoding says, as one line: the member and the reason.
    package static func explain(_ error: any Error) -> (field: String?, reason: String) {
        guard let error = error as? DecodingError else { return (nil, "\(error)") }
        func path(_ keys: [any CodingKey]) -> String {
            var text = ""
            for key in keys {
                if let index = key.intValue {
                    text += "[\(index)]"
                } else {
                    text += (text.isEmpty ? "" : ".") + key.stringValue
                }
            }
            return text
        }
        return switch error {
        case .typeMismatch(_, let context), .dataCorrupted(let context): (path(context.codingPath), context.debugDescription)
        case .valueNotFound(_, let context): (path(context.codingPath), "is null")
        case .keyNotFound(let key, let context): (path(context.codingPath + [key]), "is missing")
        @unknown default: (nil, "\(error)")
        }
    }
}

/// The document, shared by all decoders of it.
final class JSONSource: Sendable {
    let document: JSONDocument
    init(_ document: JSONDocument) { self.document = document }
}

/// The way to a node, built only when an error needs it.
final class JSONPath: Sendable {
    let parent: JSONPath?
    let key: JSONKey
    init(_ parent: JSONPath?, _ key: JSONKey) {
        self.parent = parent
        self.key = key
    }

    static func keys(_ path: JSONPath?) -> [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = path
        while let step = path {
            keys.append(step.key)
            path = step.parent
        }
        return keys.reversed()
    }
}

struct JSONKey: CodingKey, Sendable {
    let stringValue: String
    let intValue: Int?
    init(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }
    init(intValue: Int) {
        stringValue = "\(intValue)"
        self.intValue = intValue
    }
}
