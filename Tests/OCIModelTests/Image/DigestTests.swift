import OCIModel
import Testing

/// image-spec 1.1, descriptor.md, "Digests".
@Suite struct DigestTests {
    static let hex = String(repeating: "0123456789abcdef", count: 4)

    @Test func registeredAlgorithms() throws {
        let short = try Digest("sha256:\(Self.hex)")
        #expect(short.algorithm == .sha256)
        #expect(short.hex == Self.hex)
        #expect(short.description == "sha256:\(Self.hex)")
        let long = try Digest("sha512:\(Self.hex)\(Self.hex)")
        #expect(long.algorithm == .sha512)
        #expect(long.hex == Self.hex + Self.hex)
        #expect(Digest.Algorithm.allCases.map(\.digits) == [64, 128])
    }

    static let bad: [(String, Digest.ParseError)] = [
        ("", .missingSeparator),
        ("sha256", .missingSeparator),
        (hex, .missingSeparator),
        (":", .unsupportedAlgorithm("")),
        (":\(hex)", .unsupportedAlgorithm("")),
        ("SHA256:\(hex)", .unsupportedAlgorithm("SHA256")),
        (" sha256:\(hex)", .unsupportedAlgorithm(" sha256")),
        ("sha256 :\(hex)", .unsupportedAlgorithm("sha256 ")),
        ("md5:\(hex)", .unsupportedAlgorithm("md5")),
        ("sha384:\(hex)", .unsupportedAlgorithm("sha384")),
        ("sha256+b64:\(hex)", .unsupportedAlgorithm("sha256+b64")),
        ("../../etc:\(hex)", .unsupportedAlgorithm("../../etc")),
        ("sha256:", .wrongLength(expected: 64, found: 0)),
        ("sha256:\(hex.dropLast())", .wrongLength(expected: 64, found: 63)),
        ("sha256:\(hex)0", .wrongLength(expected: 64, found: 65)),
        ("sha256:\(hex)\n", .wrongLength(expected: 64, found: 65)),
        ("sha512:\(hex)", .wrongLength(expected: 128, found: 64)),
        ("sha256:\(hex.dropLast())F", .invalidCharacter(offset: 70)),
        ("sha256:A\(hex.dropFirst())", .invalidCharacter(offset: 7)),
        ("sha256:g\(hex.dropFirst())", .invalidCharacter(offset: 7)),
        ("sha256:/\(hex.dropFirst())", .invalidCharacter(offset: 7)),
        ("sha256:../\(hex.dropFirst(3))", .invalidCharacter(offset: 7)),
        ("sha256:0:\(hex.dropFirst(2))", .invalidCharacter(offset: 8)),
        ("sha256:\u{0}\(hex.dropFirst())", .invalidCharacter(offset: 7)),
        // Two bytes of UTF-8.
        ("sha256:é\(hex.dropFirst(2))", .invalidCharacter(offset: 7)),
    ]

    @Test(arguments: bad) func refuses(_ text: String, _ error: Digest.ParseError) {
        #expect(throws: error) { try Digest(text) }
    }

    /// Each byte value at each end of the value.
    @Test func onlyLowerCaseHexadecimalDigits() {
        for byte in UInt8(0)...127 {
            let character = String(UnicodeScalar(byte))
            let isDigit = "0123456789abcdef".contains(character)
            #expect(((try? Digest("sha256:\(character)\(Self.hex.dropFirst())")) != nil) == isDigit, "byte \(byte)")
            #expect(((try? Digest("sha256:\(Self.hex.dropLast())\(character)")) != nil) == isDigit, "byte \(byte)")
        }
    }

    @Test func fromBytes() throws {
        let bytes = (0..<32).map { UInt8($0 * 8) }
        let digest = try #require(Digest(.sha256, bytes: bytes))
        #expect(digest.hex == "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8")
        #expect(try Digest(digest.description) == digest)
        #expect(Digest(.sha256, bytes: bytes.dropLast()) == nil)
        #expect(Digest(.sha256, bytes: bytes + [0]) == nil)
        #expect(Digest(.sha512, bytes: bytes) == nil)
        #expect(Digest(.sha512, bytes: bytes + bytes)?.hex == digest.hex + digest.hex)
        #expect(Digest(.sha256, bytes: []) == nil)
    }
}
