import OCIModel
import Testing

/// Folding case by a bit made digits of the control characters 0x10…0x19.
@Suite("References take no byte outside their alphabet")
struct ReferenceControlCharacterTests {
    @Test func anywhere() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:/@[]".utf8)
        for byte in UInt8(0)...127 where !allowed.contains(byte) {
            let character = String(decoding: [byte], as: UTF8.self)
            for text in [
                "al\(character)pine", "alpine:a\(character)b", "alpine:\(character)", "a\(character)b.com/x", "[:\(character):1]:5000/x",
                "a.com:50\(character)0/x", "a.com/x/\(character)/y",
            ] {
                #expect(throws: Reference.ParseError.self, "byte \(byte) in \(text.debugDescription)") { try Reference(text) }
            }
        }
    }
}
