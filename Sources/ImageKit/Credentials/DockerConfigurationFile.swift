internal import CLinux
internal import FoundationEssentials
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// `~/.docker/config.json` and podman's `auth.json`, the parts that are about credentials.
struct DockerConfigurationFile: Decodable {
    private var auths: [String: Entry]?
    private var credsStore: String?
    private var credHelpers: [String: String]?

    private struct Entry: Decodable {
        /// base64 of `user:password`.
        var auth: String?
        var username: String?
        var password: String?
        var identitytoken: String?
        var registrytoken: String?
    }

    /// Under which Docker keeps its own hub.
    private static let hubHosts: Set<String> = ["index.docker.io", "docker.io", "registry-1.docker.io"]
    /// The key that Docker writes for it.
    static let hubKey = "https://index.docker.io/v1/"

    /// - Returns: nil when the bytes are no such file.
    init?(_ bytes: [UInt8]) {
        guard let file = try? JSONDecoder().decode(DockerConfigurationFile.self, from: Data(bytes)) else { return nil }
        self = file
    }

    /// What the file itself holds.
    /// - Parameters:
    ///   - registry: as in references.
    ///   - repository: podman keeps entries for a part of a registry too: the longest that fits counts.
    func credentials(for registry: String, repository: String? = nil) -> RegistryCredentials? {
        var keys: [String] = []
        if let repository {
            var path = "\(registry)/\(repository)"
            while let slash = path.lastIndex(of: "/") {
                keys.append(path)
                path = String(path[..<slash])
            }
        }
        // The name as it is comes first; then keys that are addresses, in a fixed order.
        keys += [registry] + (auths ?? [:]).keys.filter { Self.host(of: $0, isFor: registry) }.sorted()
        for key in keys {
            if let found = auths?[key].flatMap(Self.credentials) { return found }
        }
        return nil
    }

    /// The program that keeps a registry's credentials, and the name under which; nil when the file itself does.
    func helper(for registry: String) -> (name: String, key: String)? {
        let key = registry == Reference.defaultRegistry ? Self.hubKey : registry
        let own = (credHelpers ?? [:]).filter { Self.host(of: $0.key, isFor: registry) }.sorted { $0.key < $1.key }.first?.value
        // An empty name is how a registry is excepted from the store for all.
        guard let name = own ?? credsStore, !name.isEmpty else { return nil }
        return (name, key)
    }

    private static func credentials(_ entry: Entry) -> RegistryCredentials? {
        if let token = entry.registrytoken, !token.isEmpty { return RegistryCredentials(registryToken: token) }
        var found = RegistryCredentials(username: entry.username ?? "", password: entry.password ?? "")
        if found.username.isEmpty || found.password.isEmpty, let auth = entry.auth, let bytes = Data(base64Encoded: auth),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":")), colon > bytes.startIndex
        {
            found.username = String(decoding: bytes[..<colon], as: UTF8.self)
            found.password = String(decoding: bytes[bytes.index(after: colon)...].prefix { $0 != 0 }, as: UTF8.self)
        }
        if let token = entry.identitytoken, !token.isEmpty { found.identityToken = token }
        return found.identityToken == nil && found.username.isEmpty ? nil : found
    }

    /// Whether a key, a host with or without scheme and path, stands for the registry.
    static func host(of key: String, isFor registry: String) -> Bool {
        var host = Substring(key)
        for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host = host.dropFirst(scheme.utf8.count) }
        let path = host.drop { $0 != "/" }
        host = host.prefix { $0 != "/" }
        // A repository's entry is not the registry's.
        guard host.endIndex == key.endIndex || key.contains("://") || path == "/" || path.hasPrefix("/v1") || path.hasPrefix("/v2") else {
            return false
        }
        return registry == Reference.defaultRegistry ? hubHosts.contains(String(host)) : host == registry
    }

    // MARK: files

    /// The user's files, in the order in which they are asked.
    static func standardPaths() -> [FilePath] {
        func directory(_ variable: String) -> FilePath? {
            getenv(variable).flatMap { $0.pointee == 0 ? nil : FilePath(String(cString: $0)) }
        }
        let docker = directory("DOCKER_CONFIG") ?? directory("HOME")?.appending(".docker")
        let configuration = directory("XDG_CONFIG_HOME") ?? directory("HOME")?.appending(".config")
        return [
            docker?.appending("config.json"), directory("REGISTRY_AUTH_FILE"),
            directory("XDG_RUNTIME_DIR")?.appending("containers/auth.json"), configuration?.appending("containers/auth.json"),
        ].compactMap { $0 }
    }

    /// A file of the user, often a symbolic link: followed. Blocks.
    /// - Returns: nil when there is none, or none that can be read.
    static func load(_ path: FilePath) -> DockerConfigurationFile? {
        guard let bytes = try? OwnedDescriptor.open(path.string, flags: O_RDONLY | O_NONBLOCK).readAll(limit: 4 << 20) else { return nil }
        return DockerConfigurationFile(bytes)
    }
}
