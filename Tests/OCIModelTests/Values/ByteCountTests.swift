import OCIModel
import Testing

/// Sizes as Docker's options have them.
@Suite struct ByteCountTests {
    static let good: [(String, Int64)] = [
        ("0", 0), ("1", 1), ("512", 512), ("512b", 512), ("512B", 512), ("0k", 0), ("1k", 1 << 10), ("1K", 1 << 10), ("1kb", 1 << 10),
        ("1KB", 1 << 10), ("1KiB", 1 << 10), ("1kib", 1 << 10), ("64k", 64 << 10), ("256m", 256 << 20), ("256M", 256 << 20),
        ("256mb", 256 << 20), ("256MiB", 256 << 20), ("2g", 2 << 30), ("2GB", 2 << 30), ("2GiB", 2 << 30), ("1t", 1 << 40),
        ("1TiB", 1 << 40), ("007m", 7 << 20), ("9223372036854775807", .max), ("8388607t", 8_388_607 << 40),
        ("8589934591g", 8_589_934_591 << 30),
    ]

    @Test(arguments: good) func parses(_ text: String, _ bytes: Int64) {
        #expect(ByteCount(text)?.rawValue == bytes)
    }

    static let bad = [
        "", " ", "b", "k", "kb", "ib", "kib", "m", "-1", "-1m", "+1", "+1m", " 1m", "1m ", "1 m", "1,5g", "1x", "1mm", "1mk", "1bk", "1bb",
        "1kbb", "0x10", "1e3", "m1", "١", "1\u{301}", "１m", "1µ", "nan", "9223372036854775808", "8388608t", "9007199254740992k",
        "99999999999999999999g", "1\n", "\u{0}",
    ]

    @Test(arguments: bad) func refuses(_ text: String) {
        #expect(ByteCount(text) == nil)
    }

    @Test func unitsAndOrder() {
        #expect(ByteCount.bytes(5).rawValue == 5)
        #expect(ByteCount.kibibytes(1).rawValue == 1024)
        #expect(ByteCount.mebibytes(1).rawValue == 1_048_576)
        #expect(ByteCount.gibibytes(1).rawValue == 1_073_741_824)
        #expect(ByteCount.kibibytes(1) < .mebibytes(1))
        #expect(!(ByteCount.bytes(1) < .bytes(1)))
        #expect(ByteCount.bytes(-1) < .bytes(0))
    }

    static let shown: [(Int64, String)] = [
        (0, "0 bytes"), (1, "1 bytes"), (1023, "1023 bytes"), (-5, "-5 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (-1536, "-1.5 KiB"), (10_240, "10.0 KiB"), (1 << 20, "1.0 MiB"), (13_107_200, "12.5 MiB"), (1 << 30, "1.0 GiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 50, "1.0 PiB"), (1 << 60, "1.0 EiB"), (.max, "8.0 EiB"), (.min, "-8.0 EiB"),
    ]

    @Test(arguments: shown) func describes(_ bytes: Int64, _ text: String) {
        #expect(ByteCount.bytes(bytes).description == text)
    }
}
