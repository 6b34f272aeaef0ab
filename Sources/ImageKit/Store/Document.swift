internal import FoundationEssentials

/// JSON documents of images.
enum Document {
    /// - Throws: `.malformedDocument`, also for an object with two members of one name.
    static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], _ subject: ImageError.Subject) throws(ImageError) -> Value {
        let value: Value
        do { value = try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw ImageError(.malformedDocument, subject, "it is no valid \(type)", cause: error)
        }
        if let name = DuplicateMembers.first(in: bytes) {
            throw ImageError(.malformedDocument, subject, "it has two members \(name.debugDescription) in one object")
        }
        return value
    }

    static func encode(_ value: some Encodable, _ subject: ImageError.Subject, isPretty: Bool = false) throws(ImageError) -> String {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting =
                isPretty ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted] : [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch { throw ImageError(.malformedDocument, subject, "it cannot be encoded", cause: error) }
    }
}
