import TestSupport
import Testing

@testable import RuntimeKit

/// What is said to criu and what it says, as bytes.
@Suite struct CriuMessageTests {
    @Test func aRequestIsEncoded() {
        var options = CriuOptions()
        options.set(.images, 300)
        options.set(.leavesRunning, true)
        options.set(.fileLocks, false)
        options.set(.logFile, "a.log")
        options.add(.externalMount, "/d", "/s")
        options.add(.inheritedDescriptor, "pipe:[1]", 2)
        let bytes = CriuRequest(kind: .dump, options: options.message).bytes
        #expect(
            bytes == [
                0x08, 0x01, 0x12, 38, 0x08, 0xac, 0x02, 0x18, 0x01, 0x52, 5, 0x61, 0x2e, 0x6c, 0x6f, 0x67, 0xba, 0x01, 8, 0x0a, 2, 0x2f,
                0x64, 0x12, 2, 0x2f, 0x73, 0xda, 0x01, 12, 0x0a, 8, 0x70, 0x69, 0x70, 0x65, 0x3a, 0x5b, 0x31, 0x5d, 0x10, 2,
            ])
        #expect(CriuRequest(kind: .notify, succeeded: false).bytes == [0x08, 0x06, 0x18, 0x00])
    }

    @Test func negativeNumbersAreTenBytes() {
        var message = ProtocolBuffer()
        message.add(1, number: -1)
        #expect(message.bytes == [0x08] + [UInt8](repeating: 0xff, count: 9) + [0x01])
        #expect(ProtocolBufferFields(message.bytes[...])?.number(1) == -1)
    }

    @Test func answersAreRead() throws {
        // What CRIU 3.17.1 answers to VERSION and to a DUMP that fails.
        let version = try #require(CriuResponse([0x08, 0x0a, 0x10, 0x01, 0x52, 0x06, 0x08, 0x03, 0x10, 0x11, 0x20, 0x01]))
        #expect(version.succeeded && version.version?.description == "3.17")
        let failed = try #require(CriuResponse([0x08, 0x01, 0x10, 0x00, 0x1a, 0x02, 0x08, 0x00]))
        #expect(!failed.succeeded && failed.kind == CriuRequest.Kind.dump.rawValue)
        let notification = try #require(CriuResponse([0x08, 6, 0x10, 1, 0x2a, 9, 0x0a, 4, 0x70, 0x6f, 0x73, 0x74, 0x10, 0xd2, 0x09]))
        #expect(notification.notification == "post" && notification.pid == 1234)
        let restored = try #require(CriuResponse([0x08, 2, 0x10, 1, 0x22, 2, 0x08, 77]))
        #expect(restored.pid == 77)
        let error = try #require(CriuResponse([0x08, 1, 0x10, 0, 0x38, 13, 0x4a, 2, 0x6e, 0x6f]))
        #expect(error.errno == 13 && error.message == "no")
    }

    /// A field that is not known is passed over, whatever its type; what ends in the middle is no message.
    @Test func unknownFieldsAndTruncation() {
        let bytes: [UInt8] = [
            0x08, 6, 0x10, 1, 0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8, 0xfd, 0x07, 1, 2, 3, 4, 0x2a, 6, 0x0a, 4, 0x70, 0x6f, 0x73, 0x74,
        ]
        #expect(CriuResponse(bytes)?.notification == "post")
        for count in [1, 3, 5, 12, 17, 21, 27] { #expect(CriuResponse(Array(bytes[..<count])) == nil, "\(count)") }
        #expect(CriuResponse([]) == nil)
        #expect(CriuResponse([0x08] + [UInt8](repeating: 0xff, count: 11)) == nil)
    }

    /// criu is a program of its own: what it says neither traps nor hangs.
    @Test(arguments: [UInt64(1), 2, 3]) func mutationsAreHarmless(_ seed: UInt64) {
        var random = SeededGenerator(seed)
        let bytes: [UInt8] = [0x08, 6, 0x10, 1, 0x2a, 9, 0x0a, 4, 0x70, 0x6f, 0x73, 0x74, 0x10, 0xd2, 0x09, 0x52, 4, 0x08, 3, 0x10, 0x11]
        var read = 0
        for _ in 0..<20_000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if CriuResponse(mutated) != nil { read += 1 }
        }
        #expect(read > 500)
    }
}
