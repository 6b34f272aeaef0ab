import Testing

@testable import OCIModel

/// Docker's rules for the names of images: distribution/reference as Docker applies it.
@Suite struct ReferenceTests {
    struct Good: Sendable, CustomTestStringConvertible {
        var text: String
        var full: String
        /// As Docker shows it; nil: as it was typed.
        var familiar: String?
        var testDescription: String { text }

        init(_ text: String, _ full: String, familiar: String? = nil) {
            self.text = text
            self.full = full
            self.familiar = familiar
        }
    }

    static let hex = String(repeating: "0123456789abcdef", count: 4)
    static let digest = "sha256:\(hex)"
    static let long = "sha512:\(hex)\(hex)"
    static let tag128 = "T" + String(repeating: "x", count: 127)

    static let good: [Good] = [
        Good("alpine", "docker.io/library/alpine:latest"),
        Good("alpine:latest", "docker.io/library/alpine:latest", familiar: "alpine"),
        Good("alpine:3.20", "docker.io/library/alpine:3.20"),
        Good("alpine@\(digest)", "docker.io/library/alpine@\(digest)"),
        Good("alpine:3.20@\(digest)", "docker.io/library/alpine:3.20@\(digest)"),
        Good("alpine@\(long)", "docker.io/library/alpine@\(long)"),
        Good("library/alpine", "docker.io/library/alpine:latest", familiar: "alpine"),
        Good("library/a/b", "docker.io/library/a/b:latest"),
        Good("docker.io/alpine", "docker.io/library/alpine:latest", familiar: "alpine"),
        Good("docker.io/library/alpine", "docker.io/library/alpine:latest", familiar: "alpine"),
        Good("index.docker.io/alpine", "docker.io/library/alpine:latest", familiar: "alpine"),
        Good("index.docker.io/team/app:1", "docker.io/team/app:1", familiar: "team/app:1"),
        Good("team/app", "docker.io/team/app:latest"),
        Good("team/app/part", "docker.io/team/app/part:latest"),
        // No dot, colon or upper-case letter, and not localhost: no registry.
        Good("registry/app", "docker.io/registry/app:latest"),
        Good("localhost", "docker.io/library/localhost:latest"),
        Good("localhost:5000", "docker.io/library/localhost:5000"),
        Good("localhost/app", "localhost/app:latest"),
        Good("localhost:5000/app", "localhost:5000/app:latest"),
        Good("localhost:5000/team/app:1", "localhost:5000/team/app:1"),
        Good("ghcr.io/owner/app:v1.2.3-rc.1", "ghcr.io/owner/app:v1.2.3-rc.1"),
        Good("quay.io/app", "quay.io/app:latest"),
        Good("registry.test:5000/app@\(digest)", "registry.test:5000/app@\(digest)"),
        Good("registry:65535/app", "registry:65535/app:latest"),
        Good("GHCR.io/app", "ghcr.io/app:latest", familiar: "ghcr.io/app"),
        // Without its capital it would be a repository of Docker Hub.
        Good("Registry/app", "Registry/app:latest"),
        Good("LOCALHOST/app", "localhost/app:latest", familiar: "localhost/app"),
        // Port 3.
        Good("alpine:3/20", "alpine:3/20:latest"),
        Good("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest"),
        Good("[::1]/app", "[::1]/app:latest"),
        Good("[::1]:5000/app:1", "[::1]:5000/app:1"),
        Good("[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1"),
        Good("xn--bcher-kva.test/app", "xn--bcher-kva.test/app:latest"),
        Good("a", "docker.io/library/a:latest"),
        Good("0", "docker.io/library/0:latest"),
        Good("a.b", "docker.io/library/a.b:latest"),
        Good("a_b", "docker.io/library/a_b:latest"),
        Good("a__b", "docker.io/library/a__b:latest"),
        Good("a-b", "docker.io/library/a-b:latest"),
        Good("a-----b", "docker.io/library/a-----b:latest"),
        Good("t/a.b_c__d--e/f", "docker.io/t/a.b_c__d--e/f:latest"),
        Good("app:_", "docker.io/library/app:_"),
        Good("app:A.b-C_9", "docker.io/library/app:A.b-C_9"),
        Good("app:\(tag128)", "docker.io/library/app:\(tag128)"),
        // 63 and 65 digits are names.
        Good(String(hex.dropLast()), "docker.io/library/\(hex.dropLast()):latest"),
        Good(hex + "0", "docker.io/library/\(hex)0:latest"),
        Good("team/\(hex)", "docker.io/team/\(hex):latest"),
    ]

    @Test(arguments: good) func normalises(_ good: Good) throws {
        let reference = try Reference(good.text)
        #expect(reference.description == good.full)
        #expect(reference.familiar == good.familiar ?? good.text)
        // Both forms mean the same again.
        #expect(try Reference(reference.description) == reference)
        #expect(try Reference(reference.familiar) == reference)
    }

    struct Bad: Sendable, CustomTestStringConvertible {
        var text: String
        var reason: Reference.ParseError.Reason
        var offset: Int
        var testDescription: String { text.isEmpty ? "nothing" : text }

        init(_ text: String, _ reason: Reference.ParseError.Reason, at offset: Int) {
            self.text = text
            self.reason = reason
            self.offset = offset
        }
    }

    static let bad: [Bad] = [
        Bad("", .empty, at: 0),
        Bad(" ", .invalidRepository, at: 0),
        Bad(" alpine", .invalidRepository, at: 0),
        Bad("alpine ", .invalidRepository, at: 6),
        Bad("al pine", .invalidRepository, at: 2),
        Bad("alpine\n", .invalidRepository, at: 6),
        Bad("alpine\u{0}", .invalidRepository, at: 6),
        Bad("Alpine", .invalidRepository, at: 0),
        Bad("alPine", .invalidRepository, at: 2),
        Bad("ålpine", .invalidRepository, at: 0),
        Bad("alpin\u{301}", .invalidRepository, at: 5),
        Bad("team/App", .invalidRepository, at: 5),
        Bad("-alpine", .invalidRepository, at: 0),
        Bad("alpine-", .invalidRepository, at: 6),
        Bad("_alpine", .invalidRepository, at: 0),
        Bad("alpine_", .invalidRepository, at: 6),
        Bad(".alpine", .invalidRepository, at: 0),
        Bad("alpine.", .invalidRepository, at: 6),
        Bad("a..b", .invalidRepository, at: 2),
        Bad("a___b", .invalidRepository, at: 3),
        Bad("a._b", .invalidRepository, at: 2),
        Bad("a.-b", .invalidRepository, at: 2),
        Bad("a-_b", .invalidRepository, at: 2),
        Bad("/alpine", .invalidRepository, at: 0),
        Bad("alpine/", .invalidRepository, at: 6),
        Bad("team//app", .invalidRepository, at: 5),
        Bad("team/../app", .invalidRepository, at: 5),
        Bad("ghcr.io/../app", .invalidRepository, at: 8),
        Bad("ghcr.io/", .invalidRepository, at: 8),
        Bad("team/a?b", .invalidRepository, at: 6),
        Bad("team/a#b", .invalidRepository, at: 6),
        Bad("team/a%2fb", .invalidRepository, at: 6),
        Bad("team/a\\b", .invalidRepository, at: 6),
        Bad("https://ghcr.io/app", .invalidRegistry, at: 6),
        Bad("..//app", .invalidRegistry, at: 0),
        Bad("../app", .invalidRegistry, at: 0),
        Bad("./app", .invalidRegistry, at: 0),
        Bad(".test/app", .invalidRegistry, at: 0),
        Bad("a..test/app", .invalidRegistry, at: 2),
        Bad("-a.test/app", .invalidRegistry, at: 0),
        Bad("a-.test/app", .invalidRegistry, at: 1),
        Bad("a.-b/app", .invalidRegistry, at: 2),
        Bad("a_b.test/app", .invalidRegistry, at: 1),
        Bad("bücher.test/app", .invalidRegistry, at: 1),
        Bad("us er@host.test/app", .invalidDigest(.missingSeparator), at: 6),
        Bad(":5000/app", .invalidRegistry, at: 0),
        Bad("host:/app", .invalidRegistry, at: 5),
        Bad("host:0/app", .invalidRegistry, at: 5),
        Bad("host:65536/app", .invalidRegistry, at: 5),
        Bad("host:000080/app", .invalidRegistry, at: 5),
        Bad("host:50a0/app", .invalidRegistry, at: 7),
        Bad("host:-1/app", .invalidRegistry, at: 5),
        Bad("host:+1/app", .invalidRegistry, at: 5),
        Bad("[::1/app", .invalidRegistry, at: 4),
        Bad("[]/app", .invalidRegistry, at: 2),
        Bad("[::g]/app", .invalidRegistry, at: 3),
        Bad("[::1]x/app", .invalidRegistry, at: 5),
        Bad("alpine:", .invalidTag, at: 7),
        Bad("alpine:.1", .invalidTag, at: 7),
        Bad("alpine:-1", .invalidTag, at: 7),
        Bad("alpine:3 20", .invalidTag, at: 8),
        Bad("team/app:3/20", .invalidTag, at: 10),
        Bad("alpine:3+20", .invalidTag, at: 8),
        Bad("alpine:ä", .invalidTag, at: 7),
        Bad("alpine:1:2", .invalidRepository, at: 6),
        Bad("alpine:\(tag128)x", .invalidTag, at: 135),
        Bad("alpine@", .invalidDigest(.missingSeparator), at: 7),
        Bad("alpine@sha256", .invalidDigest(.missingSeparator), at: 7),
        Bad("alpine@md5:\(hex)", .invalidDigest(.unsupportedAlgorithm("md5")), at: 7),
        Bad("alpine@sha256:", .invalidDigest(.wrongLength(expected: 64, found: 0)), at: 7),
        Bad("alpine@\(digest)@\(digest)", .invalidDigest(.wrongLength(expected: 64, found: 136)), at: 7),
        Bad("@\(digest)", .invalidRepository, at: 0),
        Bad(":tag", .invalidRepository, at: 0),
        Bad("alpine:@\(digest)", .invalidTag, at: 7),
        // An image's id, not a name.
        Bad(hex, .looksLikeID, at: 0),
    ]

    @Test(arguments: bad) func refuses(_ bad: Bad) {
        #expect(throws: Reference.ParseError(reason: bad.reason, offset: bad.offset)) { try Reference(bad.text) }
    }

    @Test func lengthOfTheRepository() throws {
        let name = String(repeating: "a", count: 255)
        #expect(try Reference("ghcr.io/\(name)").repository == name)
        #expect(throws: Reference.ParseError(reason: .tooLong, offset: 8)) { try Reference("ghcr.io/\(name)b") }
    }

    @Test func fromParts() throws {
        let digest = try Digest(Self.digest)
        let reference = try Reference(registry: "registry.test:5000", repository: "team/app", tag: "1", digest: digest)
        #expect(reference.registry == "registry.test:5000")
        #expect(reference.repository == "team/app")
        #expect(reference.tag == "1")
        #expect(reference.digest == digest)
        #expect(try Reference("alpine").pinned(to: digest).description == "docker.io/library/alpine:latest@\(digest)")
        // A part cannot smuggle in another.
        #expect(throws: Reference.ParseError.self) { try Reference(registry: "registry.test", repository: "team/app:1", tag: "2") }
        #expect(throws: Reference.ParseError.self) { try Reference(registry: "registry.test", repository: "app", tag: "1@\(digest)x") }
    }

    @Test func shownNamesMeanTheSame() throws {
        // The shortest form would be read as another registry.
        for text in ["docker.io/localhost/app", "docker.io/host.test/app:1"] {
            let reference = try Reference(text)
            #expect(try Reference(reference.familiar) == reference, "\(reference.familiar)")
        }
    }

    @Test func randomTextIsParsedOrRefused() throws {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("ab0.:/@_-[]AZ é\u{301}sha256:")
        for _ in 0..<20_000 {
            let text = String((0..<Int.random(in: 0...16, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
            guard let reference = try? Reference(text) else { continue }
            #expect(try Reference(reference.description) == reference, "\(text)")
            #expect(try Reference(reference.familiar) == reference, "\(text)")
        }
    }
}
