import NIOHTTP1
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import ImageKit

@Suite("hosts.toml and certs.d") struct HostsFileTests {
    private func policy(_ text: String) throws(ImageError) -> RegistryPolicy {
        try HostsFile(path: "/etc/x/hosts.toml", read: { path throws(ImageError) in Array(path.string.utf8) }).policy(text)
    }

    @Test func everythingThatIsRead() throws {
        let policy = try policy(
            """
            # a comment
            server = "https://registry.example" # behind a value

            [host."https://mirror.example:5000/docker"]
              capabilities = ["pull",
                 "resolve"]
              ca = "ca.pem"
              client = [["/keys/cert.pem", "key.pem"]]
              override_path = true
              [host."https://mirror.example:5000/docker".header]
                X-Team = ['a', "b\\"c"]

            [host.'http://10.0.0.1']
              capabilities = ["push"]
              skip_verify = true
              ca = ["one.pem", 'two.pem',]
            """)
        #expect(policy.server?.address == "https://registry.example")
        #expect(policy.server?.capabilities == [.pull, .resolve, .push])
        #expect(policy.mirrors.map(\.address) == ["https://mirror.example:5000/docker", "http://10.0.0.1"])
        let first = policy.mirrors[0]
        #expect(first.capabilities == [.pull, .resolve])
        #expect(first.trustRoots == [Array("/etc/x/ca.pem".utf8)])
        #expect(first.clientCertificate == .init(chain: Array("/keys/cert.pem".utf8), privateKey: Array("/etc/x/key.pem".utf8)))
        #expect(first.overridesPath)
        #expect(first.headers == ["X-Team": "a, b\"c"])
        #expect(policy.mirrors[1].skipsVerification)
        #expect(policy.mirrors[1].capabilities == [.push])
        #expect(policy.mirrors[1].trustRoots.count == 2)
        #expect(try RegistryEndpoint(first, of: "docker.io", isMirror: true).api == "https://mirror.example:5000/docker")
        #expect(try RegistryEndpoint(policy.mirrors[1], of: "docker.io", isMirror: true).api == "http://10.0.0.1/v2")
    }

    /// Whatever is not understood is an error with its line, never passed over.
    @Test(arguments: [
        ("server = 1", 1), ("\nserver = \"a", 2), ("server = \"a\" x", 1), ("[host.\"https://a\"]\ndial_timeout = \"1s\"", 2),
        ("[[host]]", 1), ("[plugins]", 1), ("\n\nskip_verify = true", 3), ("[host.\"https://a\"]\nskip_verify = \"yes\"", 2),
        ("[host.\"https://a\"]\ncapabilities = [\"fly\"]", 2), ("[host.\"https://a\"]\n[host.\"https://a\"]", 2), ("a", 1),
        ("[host.\"ftp://a\"]", 1),
        ("server = \"https://a\"\nserver = \"https://b\"", 2), ("server = \"\"\"a\"\"\"", 1), ("[host.\"https://a\".header]", 1),
        ("server = \"a\\u0041\"", 1), ("[host.\"https://a\"]\nca = [[[[[\"a\"]]]]]", 2), ("=", 1), ("[", 1),
    ]) func refused(text: String, line: Int) {
        let error = #expect(throws: ImageError.self) { try policy(text) }
        #expect(error?.code == .malformedDocument)
        #expect(error?.reason.hasPrefix("line \(line):") == true, "\(error?.reason ?? "")")
    }

    @Test func directories() async throws {
        try await withCleanup { cleanup in
            let directory = try cleanup.directory("hosts")
            func make(_ name: String, _ files: [String: String]) throws {
                try TestDirectory.create(directory.appending(name))
                for file in files { try Files.write(file.value, to: directory.appending("\(name)/\(file.key)")) }
            }
            try make("registry.example:5000", ["ca.crt": "root", "me.cert": "chain", "me.key": "secret"])
            try make("docker.io", ["hosts.toml": "[host.\"https://mirror.example\"]\nca = \"own.pem\"", "own.pem": "own"])
            try make("half.example", ["me.cert": "chain"])
            let own = try #require(try HostsDirectory.policy(for: "registry.example:5000", in: ["/nonexistent", directory]))
            #expect(own.server?.address == "https://registry.example:5000")
            #expect(own.server?.trustRoots == [Array("root".utf8)])
            #expect(own.server?.clientCertificate?.privateKey == Array("secret".utf8))
            #expect(own.server?.clientCertificate.map { "\($0)".contains("secret") } == false)
            let hub = try #require(try HostsDirectory.policy(for: "docker.io", in: [directory]))
            #expect(hub.mirrors.first?.trustRoots == [Array("own".utf8)])
            #expect(try HostsDirectory.policy(for: "other.example", in: [directory]) == nil)
            #expect(throws: ImageError.self) { try HostsDirectory.policy(for: "half.example", in: [directory]) }
            try make("_default", ["hosts.toml": "server = \"https://all.example\""])
            #expect(try HostsDirectory.policy(for: "other.example", in: [directory])?.server?.address == "https://all.example")
        }
    }
}

@Suite("Proxies") struct ProxySettingsTests {
    @Test(arguments: [
        ("https://registry.example/v2/", true), ("https://a.registry.example/", false), ("https://internal/", false),
        ("http://registry.example/", false),
        ("https://10.1.2.3/", false), ("https://10.2.2.3/", true), ("https://port.example:8443/", false), ("https://port.example/", true),
        ("https://127.0.0.1/", false), ("https://localhost:5000/", false), ("https://sub.internal/", false), ("https://notinternal/", true),
    ]) func exceptions(url: String, isProxied: Bool) throws {
        let settings = ProxySettings(
            https: "http://user:pa%40ss@proxy.example:3128",
            exceptions: [".registry.example", "internal", "10.1.0.0/16", "port.example:8443"])
        let server = try settings.server(for: url)
        #expect((server != nil) == isProxied)
        if let server {
            #expect(server.host == "proxy.example")
            #expect(server.port == 3128)
            #expect(server.password == "pa@ss")
        }
    }

    @Test func whatIsNone() throws {
        #expect(throws: ImageError.self) { try ProxySettings(https: "socks5://a:secret@b").server(for: "https://x/") }
        let error = #expect(throws: ImageError.self) { try ProxySettings(https: "socks5://a:secret@b").server(for: "https://x/") }
        #expect(error?.description.contains("secret") == false)
        #expect(try ProxySettings(https: "x", exceptions: ["*"]).server(for: "https://x/") == nil)
    }

    /// Through a real CONNECT: the proxy sees the name of the registry, and the registry's answer comes back.
    @Test func connect() async throws {
        try await withCleanup { cleanup in
            let proxy = try await ScriptedServer()
            cleanup.add { await proxy.stop() }
            proxy.answer { _ in .status(403) }
            var limits = PullFixture.Limits(retries: 0)
            let address = proxy.address
            limits.change = { $0.proxies = ProxySettings(https: "http://ada:lovelace@\(address)", http: "http://\(address)") }
            let fixture = try await PullFixture.make(.standard, limits, cleanup, try cleanup.directory("proxy"))
            // Loopback never goes through it.
            try await fixture.pull()
            #expect(proxy.requests.isEmpty)
            await #expect(throws: ImageError.self) { try await fixture.puller.pull(Reference("registry.invalid/app:1")) }
            #expect(proxy.requests.map(\.method) == ["CONNECT"])
            #expect(proxy.requests.first?.uri == "registry.invalid:443")
            #expect(proxy.requests.first?.headers.first(name: "Proxy-Authorization") == "Basic YWRhOmxvdmVsYWNl")
        }
    }
}
