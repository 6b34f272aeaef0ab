import LinuxSystem
import Testing

struct FrameTests {
    @Test func valuesComeBack() throws {
        var writer = FrameWriter()
        writer.append(UInt8(250))
        writer.append(Int32(-5))
        writer.append(UInt64.max)
        writer.append(Int64.min)
        writer.append(true)
        writer.append([1, 2, 3] as [UInt8])
        writer.append("zażółć")
        writer.append(nil as String?)
        writer.append("x" as String?)
        writer.append(["a", "b"]) { $0.append($1) }
        var reader = FrameReader(writer.bytes)
        #expect(try reader.read(UInt8.self) == 250)
        #expect(try reader.read(Int32.self) == -5)
        #expect(try reader.read(UInt64.self) == .max)
        #expect(try reader.read(Int64.self) == .min)
        #expect(try reader.readBool())
        #expect(try reader.readBytes() == [1, 2, 3])
        #expect(try reader.readString() == "zażółć")
        #expect(try reader.readOptionalString() == nil)
        #expect(try reader.readOptionalString() == "x")
        #expect(try reader.readArray { (reader) throws(FrameError) in try reader.readString() } == ["a", "b"])
        try reader.finish()
    }

    @Test func everyCutIsTruncated() throws {
        var writer = FrameWriter()
        writer.append("text")
        writer.append(["a", "b"]) { $0.append($1) }
        writer.append(UInt32(9))
        for length in 0..<writer.bytes.count {
            var reader = FrameReader(Array(writer.bytes.prefix(length)))
            #expect(throws: FrameError.truncated, "cut to \(length)") {
                _ = try reader.readString()
                _ = try reader.readArray { (reader) throws(FrameError) in try reader.readString() }
                _ = try reader.read(UInt32.self)
            }
        }
    }

    /// A length is checked against what is there before room is made for it.
    @Test func aLengthBeyondTheFrameIsTruncated() {
        let frame: [UInt8] = [255, 255, 255, 255, 1]
        var reader = FrameReader(frame)
        #expect(throws: FrameError.truncated) { _ = try reader.readBytes() }
        reader = FrameReader(frame)
        #expect(throws: FrameError.truncated) { _ = try reader.readArray { (_) throws(FrameError) in 0 } }
    }

    @Test(arguments: [[3, 0, 0, 0, 65, 0, 66], [1, 0, 0, 0, 255], [2, 0, 0, 0, 0xC3, 0x28]] as [[UInt8]])
    func textThatIsNoCStringIsRefused(frame: [UInt8]) {
        var reader = FrameReader(frame)
        #expect(throws: FrameError.invalidValue) { _ = try reader.readString() }
    }

    @Test func aBoolIsZeroOrOneAndNothingMayFollow() throws {
        var reader = FrameReader([2, 0])
        #expect(throws: FrameError.invalidValue) { _ = try reader.readBool() }
        reader = FrameReader([1, 0])
        #expect(try reader.readBool())
        #expect(throws: FrameError.trailingBytes) { try reader.finish() }
    }

    /// Whatever bytes come, the reader ends with an error or with all of them read, and never traps.
    @Test func randomFramesDoNotTrap() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let frame = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                Bool.random() ? UInt8.random(in: 0...3, using: &random) : .random(in: 0...255, using: &random)
            }
            var reader = FrameReader(frame)
            do {
                while reader.remaining > 0 {
                    switch UInt8.random(in: 0...4, using: &random) {
                    case 0: _ = try reader.read(UInt16.self)
                    case 1: _ = try reader.readBytes()
                    case 2: _ = try reader.readOptionalString()
                    case 3: _ = try reader.readArray { (reader) throws(FrameError) in try reader.readBool() }
                    default: _ = try reader.readString()
                    }
                }
            } catch {}
            #expect((0...frame.count).contains(reader.remaining))
        }
    }
}
