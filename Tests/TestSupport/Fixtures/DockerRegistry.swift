import Glibc
package import SystemPackage

/// Debian's `docker-registry` on a free port of loopback, with a store of its own.
package final class DockerRegistry {
    /// What the registry asks of its clients.
    package struct Options: Sendable {
        /// Serve HTTPS with a certificate for `localhost` and 127.0.0.1 that `certificate` names.
        package var tls = false
        /// Basic authentication, name and password.
        package var credentials: (user: String, password: String)?

        /// Tokens of a service, for the audience `reg`, issued by `test`.
        package var token: TokenService?

        /// Where tokens come from, and the certificate of the key that signs them.
        package struct TokenService: Sendable {
            package var realm: String
            package var bundle: FilePath

            package init(realm: String, bundle: FilePath) {
                self.realm = realm
                self.bundle = bundle
            }
        }

        package init(tls: Bool = false, credentials: (user: String, password: String)? = nil, token: TokenService? = nil) {
            self.tls = tls
            self.credentials = credentials
            self.token = token
        }
    }

    package let port: Int
    package let options: Options
    /// The certificate to trust, with `Options.tls`.
    package let certificate: FilePath?
    private let process: ChildProcess

    /// `127.0.0.1:<port>`, as it stands in a reference.
    package var address: String { "127.0.0.1:\(port)" }

    /// Starts a registry whose files lie in a directory of `cleanup`, and which is stopped by it. Returns when it answers.
    package init(_ options: Options = .init(), in cleanup: Cleanup) throws {
        let directory = try cleanup.directory("registry")
        self.options = options
        port = try Self.freePort()
        var lines = [
            "version: 0.1", "log: {level: info, accesslog: {disabled: false}}",
            "storage: {filesystem: {rootdirectory: \(directory)/data}, delete: {enabled: true}}",
            "http:", "  addr: 127.0.0.1:\(port)",
        ]
        if options.tls {
            let key = directory.appending("key.pem")
            let certificate = directory.appending("certificate.pem")
            try Command.run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key.string, "-out", certificate.string)
            lines.append("  tls: {certificate: \(certificate), key: \(key)}")
            self.certificate = certificate
        } else {
            certificate = nil
        }
        if let credentials = options.credentials {
            let passwords = try Command.run("htpasswd", "-Bbn", credentials.user, credentials.password).output
            try Files.write(passwords, to: directory.appending("htpasswd"))
            lines.append("auth: {htpasswd: {realm: test, path: \(directory)/htpasswd}}")
        }
        if let token = options.token {
            lines.append("auth: {token: {realm: '\(token.realm)', service: reg, issuer: test, rootcertbundle: \(token.bundle)}}")
        }
        let configuration = directory.appending("config.yml")
        try Files.write(lines.joined(separator: "\n") + "\n", to: configuration)
        process = try ChildProcess(Command(["docker-registry", "serve", configuration.string]))
        cleanup.add { [process] in process.stop() }
        try waitUntilListening()
    }

    /// What it logged: one line for each request.
    package var log: String { String(decoding: process.output() + process.errors(), as: UTF8.self) }

    /// The number of requests answered so far.
    package var requests: Int { log.split(separator: "\n").count { $0.contains("http.response.status") || $0.contains("\"GET /v2") } }

    /// Copies an image of a layout into the registry and returns its reference there.
    @discardableResult
    package func push(_ image: TestImage.Written, as name: String, tag: String = "latest") throws -> String {
        var arguments = ["skopeo", "copy", "--quiet", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false"]
        if let credentials = options.credentials { arguments.append("--dest-creds=\(credentials.user):\(credentials.password)") }
        arguments += ["oci:\(image.layout):\(image.tag)", "docker://\(address)/\(name):\(tag)"]
        let result = try Command(arguments).run()
        guard result.status == 0 else { throw Command.Failure(description: "skopeo: \(result.standardError)") }
        return "\(address)/\(name):\(tag)"
    }

    /// Ends the registry before the cleanup does.
    package func stop() { process.stop() }

    private func waitUntilListening() throws {
        for _ in 0..<1000 {
            guard process.isRunning else { break }
            if Self.connects(to: port) { return }
            usleep(10_000)
        }
        throw Command.Failure(description: "docker-registry does not answer on \(address)\n\(log)")
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func socket() -> Int32 { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0) }

    private static func connects(to port: Int) -> Bool {
        let socket = socket()
        defer { close(socket) }
        var address = address(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
    }

    /// A port that nobody listens on now. The registry cannot be told to choose one itself and say which.
    package static func freePort() throws -> Int {
        let socket = socket()
        defer { close(socket) }
        var address = address(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) != 0 || getsockname(socket, $0, &size) != 0 }
        }
        guard !failed else { throw Errno(rawValue: errno) }
        return Int(in_port_t(bigEndian: address.sin_port))
    }
}
