import Testing

@testable import ImageKit

@Suite("Challenges of WWW-Authenticate")
struct AuthenticationChallengeTests {
    private func parse(_ header: String) -> [AuthenticationChallenge] { AuthenticationChallenge.parse(header) }

    @Test func whatRegistriesSend() {
        #expect(
            parse(#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull""#) == [
                AuthenticationChallenge(
                    scheme: "bearer",
                    parameters: [
                        "realm": "https://auth.docker.io/token", "service": "registry.docker.io",
                        "scope": "repository:library/alpine:pull",
                    ])
            ])
        #expect(
            parse(#"Basic realm="Registry Realm""#) == [AuthenticationChallenge(scheme: "basic", parameters: ["realm": "Registry Realm"])])
    }

    @Test func severalInOneHeader() {
        let both = parse(#"Basic realm="a, b", Bearer realm="https://x/t" , scope="s:1,2", Negotiate"#)
        #expect(both.map(\.scheme) == ["basic", "bearer", "negotiate"])
        #expect(both.first?.parameters == ["realm": "a, b"])
        #expect(both.dropFirst().first?.parameters == ["realm": "https://x/t", "scope": "s:1,2"])
    }

    @Test(arguments: [
        (#"BEARER Realm="x""#, "x"), (#"Bearer realm=x"#, "x"), ("Bearer\trealm = \"x\"", "x"), (#"Bearer realm="x","#, "x"),
        (#"Bearer realm="a\"b\\c""#, #"a"b\c"#), (#"Bearer realm="""#, ""), (#"Bearer realm="x",realm="y""#, "x"),
        (#"Bearer realm="ä""#, "ä"), (#"  , Bearer realm="x""#, "x"),
    ]) func formsOfARealm(header: String, realm: String) {
        let challenge = parse(header).first { $0.scheme == "bearer" }
        #expect(challenge?.parameters["realm"] == realm)
    }

    @Test(arguments: ["", " ", ",,,", "=", "\"", "\"Bearer\" realm=x", "\u{0}", "é"]) func nothing(header: String) {
        #expect(parse(header).isEmpty)
    }

    /// What is cut off or torn gives no realm, and so no request to anywhere.
    @Test(arguments: ["Bearer", "Bearer realm", "Bearer realm=", #"Bearer realm="x"#, #"Bearer realm="x\"#, "Bearer =x", "Bearerrealm=x"])
    func torn(header: String) {
        #expect(parse(header).allSatisfy { $0.parameters["realm"] == nil })
    }

    @Test func tokensOfOtherSchemesDoNotHideTheNext() {
        #expect(parse(#"Negotiate YWJj==, Basic realm="x""#).first?.scheme == "negotiate")
    }

    @Test func longHeadersTakeLinearTime() {
        let start = ContinuousClock.now
        let count = parse(String(repeating: "Bearer a=\"b\", ", count: 20_000)).count
        #expect(count == 20_000)
        #expect(parse("Bearer realm=\"" + String(repeating: "\\", count: 500_000)).count <= 2)
        #expect(ContinuousClock.now - start < .seconds(10))
    }
}
