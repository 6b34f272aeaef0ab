import Glibc
import ImageKit
import Logging
import OCIModel
import SystemPackage
import TestSupport
import Testing

/// Debian's registry with token authentication: it sends its clients to a token service of the test, which signs what they may do.
@Suite("Debian's registry with a token service", .serialized, .needsPrograms("docker-registry", "skopeo", "openssl"))
struct TokenRegistryTests {
    /// Signs tokens as the registry wants them. See: distribution's specification of token authentication, "JWT".
    private struct Service: Sendable {
        var key: FilePath
        /// DER in base64, for the header.
        var certificate: String

        init(_ directory: FilePath) throws {
            key = directory.appending("token.key")
            let pem = directory.appending("token.pem")
            try Command.run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=token", "-keyout", key.string,
                "-out",
                pem.string)
            certificate = try Files.text(pem).split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
        }

        func token(for scopes: [String]) throws -> String {
            let access = scopes.compactMap { scope -> String? in
                let parts = scope.split(separator: ":").map(String.init)
                guard parts.count == 3 else { return nil }
                let actions = parts[2].split(separator: ",").map { "\"\($0)\"" }.joined(separator: ",")
                return #"{"type":"\#(parts[0])","name":"\#(parts[1])","actions":[\#(actions)]}"#
            }
            let now = Int(time(nil))
            let header = #"{"typ":"JWT","alg":"RS256","x5c":["\#(certificate)"]}"#
            let claims = #"""
                {"iss":"test","sub":"user","aud":"reg","exp":\#(now + 300),"nbf":\#(now - 10),"iat":\#(now),"jti":"\#(now)",\#
                "access":[\#(access.joined(separator: ","))]}
                """#
            let text = "\(Self.encoded(Array(header.utf8))).\(Self.encoded(Array(claims.utf8)))"
            let signature = try Command.run("openssl", "dgst", "-sha256", "-sign", key.string, input: Array(text.utf8)).output
            return "\(text).\(Self.encoded(signature))"
        }

        private static func encoded(_ bytes: [UInt8]) -> String {
            base64(bytes).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
    }

    private func withRegistry(_ body: (DockerRegistry, ScriptedServer, ContentStore, FilePath) async throws -> Void) async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("token")
            let service = try Service(directory)
            let server = try await ScriptedServer()
            cleanup.add { await server.stop() }
            let password = "Basic " + base64(Array("user:secret".utf8))
            server.answer { request in
                // It knows nothing of OAuth 2: then credentials go with a GET.
                guard request.method == "GET" else { return .status(404) }
                // Whoever says who he is may do what he asks for; anybody may pull from `open/`.
                let query = request.uri.split(separator: "?", maxSplits: 1).dropFirst().first ?? ""
                var scopes: [String] = []
                for part in query.split(separator: "&") where part.hasPrefix("scope=") {
                    var scope = String(part.dropFirst(6))
                    for (code, character) in [("%3A", ":"), ("%2F", "/"), ("%2C", ","), ("%20", " ")] {
                        scope = scope.replacing(code, with: character)
                    }
                    scopes += scope.split(separator: " ").map(String.init)
                }
                if let authorization = request.authorization, authorization != password { return .status(401) }
                let granted =
                    request.authorization != nil ? scopes : scopes.filter { $0.hasPrefix("repository:open/") && $0.hasSuffix(":pull") }
                guard let token = try? service.token(for: granted) else { return .status(500) }
                return .json(#"{"token":"\#(token)","expires_in":300}"#)
            }
            let registry = try DockerRegistry(
                .init(token: .init(realm: "http://\(server.address)/token", bundle: directory.appending("token.pem"))), in: cleanup)
            let store = try ContentStore(at: directory.appending("content"), durability: .none)
            try await body(registry, server, store, directory)
        }
    }

    private func withClient(
        _ registry: DockerRegistry, _ password: String?, _ body: (RegistryClient) async throws -> Void
    ) async throws {
        try await withCleanup { cleanup in
            var configuration = RegistryConfiguration()
            configuration.credentials = password.map { .fixed([registry.address: .init(username: "user", password: $0)]) } ?? .none
            configuration.hostsDirectories = []
            configuration.proxies = .none
            configuration.retries = 0
            let client = try RegistryClient(configuration, logger: Logger(label: "test"))
            cleanup.add { try await client.shutdown() }
            try await body(client)
        }
    }

    @Test func pushAndPull() async throws {
        try await withRegistry { registry, server, store, directory in
            let layout = try TestImage.layered(3).write(layout: directory.appending("layout"), tag: "x").layout
            let name = try Reference("\(registry.address)/open/app:1")
            _ = try store.importLayout(layout, tag: "x", as: name)
            try await withClient(registry, nil) { client in
                let error = await #expect(throws: ImageError.self) { try await ImagePusher(client: client).push(name, of: store) }
                #expect(error?.code == .unauthorized || error?.code == .forbidden, "\(String(describing: error))")
            }
            try await withClient(registry, "wrong") { client in
                let error = await #expect(throws: ImageError.self) { try await ImagePusher(client: client).push(name, of: store) }
                #expect(error?.code == .unauthorized, "\(String(describing: error))")
            }
            try await withClient(registry, "secret") { client in
                let before = server.requests.count { $0.method == "GET" }
                let pushed = try await ImagePusher(client: client).push(name, of: store)
                // One token does for all blobs and the manifest.
                #expect(server.requests.count { $0.method == "GET" } - before <= 2)
                try await ImagePusher(client: client).push(name, of: store, to: Reference("\(registry.address)/closed/app:1"))
                // skopeo reads it by the same service.
                try Command.run(
                    "skopeo", "copy", "--quiet", "--insecure-policy", "--src-tls-verify=false", "--src-creds=user:secret",
                    "docker://\(registry.address)/closed/app:1", "oci:\(directory.appending("out")):x")
                #expect(Files.exists(directory.appending("out/blobs/sha256/\(pushed.digest.hex)")))
            }
            try await withClient(registry, nil) { client in
                let second = try ContentStore(at: directory.appending("second"), durability: .none)
                let puller = ImagePuller(store: second, client: client)
                #expect(try await puller.pull(name).image.manifest.layers.count == 3)
                let closed = try Reference("\(registry.address)/closed/app:1")
                let error = await #expect(throws: ImageError.self) { _ = try await puller.pull(closed) }
                #expect(error?.code == .unauthorized || error?.code == .forbidden, "\(String(describing: error))")
            }
        }
    }
}

/// RFC 4648, section 4.
private func base64(_ bytes: [UInt8]) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var text = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let group = bytes[start..<min(start + 3, bytes.count)]
        let value = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
        for digit in 0..<4 { text.append(digit <= group.count ? alphabet[value >> (18 - 6 * digit) & 63] : "=") }
    }
    return text
}
