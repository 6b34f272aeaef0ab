import OCIModel
import Testing

@Suite struct ContainerIDTests {
    static let good = ["a", "0", "web", "web-1", "a.b", "a_b", "a+b", "A", "9.9", "a-", "a.", "a..b", String(repeating: "x", count: 128)]
    static let bad = [
        "", ".", "..", "-a", "_a", "+a", ".a", "a/b", "/a", "a b", " a", "a\n", "a\u{0}", "é", "a\u{301}", "a:b", "a@b", "a%b", "a\\b",
        "a*",
        String(repeating: "x", count: 129),
    ]

    @Test(arguments: good) func accepts(_ name: String) { #expect(ContainerID(name)?.description == name) }
    @Test(arguments: bad) func refuses(_ name: String) { #expect(ContainerID(name) == nil) }

    @Test func onlyWhatIsAFileName() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-+".utf8)
        for byte in UInt8(0)...127 {
            #expect((ContainerID("x\(UnicodeScalar(byte))") != nil) == allowed.contains(byte), "byte \(byte)")
        }
    }
}
