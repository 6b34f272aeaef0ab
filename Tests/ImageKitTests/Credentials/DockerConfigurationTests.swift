import Testing

@testable import ImageKit

@Suite("Docker's config.json")
struct DockerConfigurationTests {
    private func credentials(_ text: String, for registry: String) -> RegistryCredentials? {
        DockerConfigurationFile(Array(text.utf8))?.credentials(for: registry)
    }

    private let ada = RegistryCredentials(username: "ada", password: "love:lace")

    @Test func passwordsWithColons() {
        // base64 of `ada:love:lace`.
        #expect(credentials(#"{"auths":{"reg.example.com:5000":{"auth":"YWRhOmxvdmU6bGFjZQ=="}}}"#, for: "reg.example.com:5000") == ada)
    }

    @Test func nameAndPasswordByThemselves() {
        let text = #"{"auths":{"reg.example.com":{"username":"ada","password":"love:lace"}}}"#
        #expect(credentials(text, for: "reg.example.com") == ada)
        #expect(credentials(text, for: "reg.example.com:5000") == nil)
        #expect(credentials(text, for: "example.com") == nil)
        #expect(credentials(text, for: "docker.io") == nil)
    }

    @Test(arguments: [
        "https://reg.example.com", "https://reg.example.com/v1/", "https://reg.example.com/v2/", "http://reg.example.com/",
        "reg.example.com/",
    ])
    func keysThatAreAddresses(key: String) {
        #expect(credentials(#"{"auths":{"\#(key)":{"auth":"YWRhOmxvdmU6bGFjZQ=="}}}"#, for: "reg.example.com") == ada)
    }

    @Test(arguments: ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]) func theHub(key: String) {
        #expect(credentials(#"{"auths":{"\#(key)":{"auth":"YWRhOmxvdmU6bGFjZQ=="}}}"#, for: "docker.io") == ada)
    }

    @Test(arguments: [
        "{}", #"{"auths":null}"#, #"{"auths":{}}"#, #"{"auths":{"reg.example.com":{}}}"#, #"{"auths":{"reg.example.com":{"auth":""}}}"#,
        #"{"auths":{"reg.example.com":{"auth":"!!"}}}"#, #"{"auths":{"reg.example.com":{"auth":"YWRh"}}}"#,
        #"{"auths":{"reg.example.com":{"username":"","password":""}}}"#, #"{"auths":{"reg.example.com":{"identitytoken":""}}}"#,
        #"{"credsStore":"desktop","auths":{"reg.example.com":{}}}"#,
    ]) func none(text: String) {
        #expect(credentials(text, for: "reg.example.com") == nil)
    }

    @Test(arguments: ["", "[]", "{", #"{"auths":[]}"#, #"{"auths":{"x":"y"}}"#]) func unreadable(text: String) {
        #expect(DockerConfigurationFile(Array(text.utf8)).map { _ in true } == nil)
    }

    @Test func passwordsAreNotPrinted() {
        #expect(!"\(ada) \(String(reflecting: ada))".contains("lace"))
        #expect(!"\(CredentialSource.fixed(["x": ada]))".contains("lace"))
    }
}
