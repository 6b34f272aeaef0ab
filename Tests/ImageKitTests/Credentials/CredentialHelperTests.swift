import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

/// Helpers are looked up in PATH, which is the whole program's: one test at a time, and the suite puts it back.
@Suite("Credential helpers", .serialized) struct CredentialHelperTests {
    /// Runs `body` with a program `docker-credential-<name>` of this text.
    private func withHelper(_ name: String, _ script: String, _ body: (FilePath) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("helper")
            let path = directory.appending("docker-credential-\(name)")
            try Files.write("#!/bin/sh\n" + script, to: path, mode: [.ownerReadWriteExecute])
            let old = SearchPath.value
            SearchPath.value = "\(directory):\(old)"
            cleanup.add { SearchPath.value = old }
            try await body(directory)
        }
    }

    @Test func whatItGives() async throws {
        let script = #"""
            echo "$1" >> "$(dirname "$0")/calls"
            read -r key
            case "$key" in
            one) echo '{"ServerURL":"one","Username":"ada","Secret":"love lace"}' ;;
            token) echo '{"Username":"<token>","Secret":"refresh"}' ;;
            none) echo 'credentials not found in native keychain'; exit 1 ;;
            bad) echo 'hello' ;;
            *) echo 'the vault is shut'; exit 3 ;;
            esac
            """#
        try await withHelper("t1", script) { directory in
            let helper = try CredentialHelper("t1", limit: .seconds(10))
            #expect(try helper.credentials(for: "one") == RegistryCredentials(username: "ada", password: "love lace"))
            #expect(try helper.credentials(for: "token")?.identityToken == "refresh")
            #expect(try helper.credentials(for: "none") == nil)
            for key in ["bad", "shut"] {
                let error = #expect(throws: ImageError.self) { try helper.credentials(for: key) }
                #expect(error?.code == .credentialHelperFailed)
                #expect(error?.description.contains("docker-credential-t1") == true)
                if key == "shut" { #expect(error?.description.contains("the vault is shut") == true) }
            }
            #expect(try Files.text(directory.appending("calls")).split(separator: "\n").allSatisfy { $0 == "get" })
        }
    }

    /// One that hangs, and what it started, ends with the limit.
    @Test func aHelperThatHangs() async throws {
        try await withHelper("t2", "sleep 100 & echo $! > \"$(dirname \"$0\")/pid\"; wait") { directory in
            let start = ContinuousClock.now
            let error = #expect(throws: ImageError.self) { try CredentialHelper("t2", limit: .milliseconds(500)).credentials(for: "x") }
            #expect(error?.code == .credentialHelperFailed)
            #expect(ContinuousClock.now - start < .seconds(5))
            let pid = try Files.text(directory.appending("pid")).filter { $0 != "\n" }
            try await Task.sleep(for: .milliseconds(100))
            let state = (try? Files.text(FilePath("/proc/\(pid)/stat")))?.split(separator: " ")
            #expect(state == nil || state?[2] == "Z")
        }
    }

    @Test func endlessOutput() async throws {
        try await withHelper("t3", "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done") {
            _ in
            #expect(throws: ImageError.self) { try CredentialHelper("t3", limit: .seconds(20)).credentials(for: "x") }
        }
    }

    @Test(arguments: ["", "../x", "a/b", "a b", "a;b", ".x", "ä"]) func names(name: String) {
        #expect(throws: ImageError.self) { try CredentialHelper(name, limit: .seconds(1)) }
    }

    @Test func aHelperThatIsNotThere() throws {
        let error = #expect(throws: ImageError.self) { try CredentialHelper("not-installed", limit: .seconds(1)).credentials(for: "x") }
        #expect(error?.description.contains("PATH") == true)
    }

    /// Log in and out, through the helper that the file names for one registry, and into the file for the others.
    @Test func loginAndLogout() async throws {
        let script = #"""
            d="$(dirname "$0")"
            case "$1" in
            store) cat > "$d/kept" ;;
            erase) read -r key; rm -f "$d/kept" ;;
            get) if [ -e "$d/kept" ]; then cat "$d/kept"; else echo 'credentials not found in native keychain'; exit 1; fi ;;
            esac
            """#
        try await withHelper("t4", script) { directory in
            let path = directory.appending("docker/config.json")
            let file = try CredentialFile(path)
            let ada = RegistryCredentials(username: "ada", password: "love:lace")
            #expect(try !file.store(ada, for: "registry.example:5000"))
            #expect(try !file.store(ada, for: "docker.io"))
            var status = try Files.text(path)
            #expect(status.contains("https://index.docker.io/v1/"))
            #expect(try Command.run("stat", "-c", "%a", path.string).standardOutput == "600\n")
            // What others put there stays.
            status = status.replacingFirst("{", with: "{\"credHelpers\":{\"vault.example\":\"t4\"},\"psFormat\":\"x\",\"n\":1.5,")
            try Files.write(status, to: path)
            let source = CredentialSource.file(path)
            #expect(try source.credentials(for: "docker.io", repository: nil, helperLimit: .seconds(5)) == ada)
            #expect(try source.credentials(for: "registry.example:5000", repository: nil, helperLimit: .seconds(5)) == ada)
            #expect(try file.store(ada, for: "vault.example"))
            #expect(try source.credentials(for: "vault.example", repository: nil, helperLimit: .seconds(5)) == ada)
            #expect(try !Files.text(path).contains("vault.example\":{"))
            #expect(try file.erase("vault.example"))
            #expect(try !file.erase("vault.example"))
            #expect(try file.erase("docker.io"))
            #expect(try source.credentials(for: "docker.io", repository: nil, helperLimit: .seconds(5)) == nil)
            let text = try Files.text(path)
            #expect(text.contains("psFormat") && text.contains("1.5") && text.contains("registry.example:5000"))
        }
    }

    /// Entries of podman's auth.json for a part of a registry: the longest that fits.
    @Test func repositories() {
        let file = DockerConfigurationFile(
            Array(#"{"auths":{"r.example":{"auth":"YTox"},"r.example/team":{"auth":"YToy"},"r.example/team/app":{"auth":"YToz"}}}"#.utf8))
        #expect(file?.credentials(for: "r.example", repository: "team/app")?.password == "3")
        #expect(file?.credentials(for: "r.example", repository: "team/other")?.password == "2")
        #expect(file?.credentials(for: "r.example", repository: "x")?.password == "1")
        #expect(file?.credentials(for: "r.example")?.password == "1")
        let token = DockerConfigurationFile(Array(#"{"auths":{"r.example":{"auth":"YTo=","identitytoken":"refresh"}}}"#.utf8))
        #expect(token?.credentials(for: "r.example")?.identityToken == "refresh")
    }
}

extension String {
    fileprivate func replacingFirst(_ character: Character, with text: String) -> String {
        guard let index = firstIndex(of: character) else { return self }
        return self[..<index] + text + self[self.index(after: index)...]
    }
}
