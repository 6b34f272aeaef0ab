import Foundation
import JSONCoding
import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    struct Sample: Codable, Equatable {
        var text: String?
        var number: Int64?
        var small: UInt32?
        var list: [String]?
        var flag: Bool?
        var map: [String: String]?
    }

    private func read(_ text: String) throws -> Sample { try JSONReader.decode(Sample.self, from: Array(text.utf8)) }

    @Test func values() throws {
        let sample = try read(
            #" {"text" : "a\n\u00e9\ud83d\ude00\/", "number":-9223372036854775808,"small":4294967295, "list":["x", ""], "flag":true, "map":{"k":"v"}, "unknown":[{"a":null}, 1.5e3]} "#
        )
        #expect(sample == Sample(text: "a\né😀/", number: .min, small: .max, list: ["x", ""], flag: true, map: ["k": "v"]))
    }

    @Test func nullIsMissing() throws { #expect(try read(#"{"text":null,"list":null}"#) == Sample()) }

    @Test func lastOfANameCounts() throws { #expect(try read(#"{"text":"a","text":"b"}"#).text == "b") }

    @Test(arguments: [
        "", "{", "{}x", "[1,]", #"{"a":}"#, #"{"a" 1}"#, #"{"text":"a"#, "{\"text\":\"a\nb\"}", #"{"text":"\x"}"#, #"{"text":"\u12g4"}"#,
        "{\"number\":01}", "{\"number\":1.}", "{\"number\":+1}", "{\"number\":-}", "tru", "{,}",
    ])
    func textsThatAreNoJSON(_ text: String) { #expect(throws: (any Error).self) { try read(text) } }

    @Test(arguments: [
        #"{"small":4294967296}"#, #"{"small":-1}"#, #"{"number":9223372036854775808}"#, #"{"number":1.0}"#, #"{"number":"1"}"#,
        #"{"text":1}"#,
        #"{"list":"x"}"#, #"{"list":[1]}"#, #"{"flag":1}"#, #"{"small":1e2}"#,
    ])
    func valuesOfAnotherKind(_ text: String) { #expect(throws: DecodingError.self) { try read(text) } }

    @Test func deepNestingIsRefused() {
        let text = String(repeating: "[", count: 100_000)
        #expect(throws: JSONSyntaxError.self) { try JSONReader.decode(Sample.self, from: Array(text.utf8)) }
    }

    @Test func agreesWithFoundationOnTheSpecificationsExample() throws {
        let path = FilePath(#filePath).removingLastComponent().appending(
            "../../OCIModelTests/Schemas/runtime-spec/test/config/good/spec-example.json")
        let bytes = try Files.read(path.lexicallyNormalized())
        #expect(
            try JSONReader.decode(RuntimeConfiguration.self, from: bytes)
                == JSONDecoder().decode(RuntimeConfiguration.self, from: Data(bytes)))
    }

    /// Cut, changed and mixed texts: the reader answers or throws, and answers what Foundation reads too.
    @Test(.timeLimit(.minutes(1))) func fuzz() throws {
        let path = FilePath(#filePath).removingLastComponent().appending(
            "../../OCIModelTests/Schemas/runtime-spec/test/config/good/spec-example.json")
        let good = try Files.read(path.lexicallyNormalized())
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededGenerator(seed)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(2)
        var count = 0
        var accepted = 0
        while clock.now < end {
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + 9))
                case 2: bytes.insert(contentsOf: "{[\",:]}\\".utf8.shuffled(using: &random).prefix(3), at: place)
                default: bytes.removeLast(min(bytes.count - 1, Int.random(in: 1...200, using: &random)))
                }
            }
            count += 1
            // What is accepted is whole: it is read a second time from what Foundation writes of it, to the same value.
            guard let value = try? JSONReader.decode(RuntimeConfiguration.self, from: bytes) else { continue }
            accepted += 1
            let again = try JSONReader.decode(RuntimeConfiguration.self, from: Array(JSONEncoder().encode(value)))
            #expect(again == value, "seed \(seed), text \(count)")
        }
        #expect(count > 50 && accepted > 0, "seed \(seed)")
    }
}
