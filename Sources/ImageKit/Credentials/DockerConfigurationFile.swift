internal import CLinux
internal import FoundationEssentials
internal import LinuxSystem
internal import OCIModel
internal import SystemPackage

/// `~/.docker/config.json`, the part that holds credentials in the file itself.
struct DockerConfigurationFile: Decodable {
    private var auths: [String: Entry]?

    private struct Entry: Decodable {
        /// base64 of `user:password`.
        var auth: String?
        var username: String?
        var password: String?
    }

    /// Under which Docker keeps its own hub.
    private static let hubHosts: Set<String> = ["index.docker.io", "docker.io", "registry-1.docker.io"]

    /// - Returns: nil when the bytes are no such file.
    init?(_ bytes: [UInt8]) {
        guard let file = try? JSONDecoder().decode(DockerConfigurationFile.self, from: Data(bytes)) else { return nil }
        self = file
    }

    /// - Parameter registry: as in references.
    func credentials(for registry: String) -> RegistryCredentials? {
        // The name as it is comes first; then keys that are addresses, in a fixed order.
        let keys = [registry] + (auths ?? [:]).keys.filter { Self.host(of: $0, isFor: registry) }.sorted()
        for key in keys {
            if let found = auths?[key].flatMap(Self.credentials) { return found }
        }
        return nil
    }

    private static func credentials(_ entry: Entry) -> RegistryCredentials? {
        if let name = entry.username, let password = entry.password, !name.isEmpty {
            return RegistryCredentials(username: name, password: password)
        }
        guard let auth = entry.auth, let bytes = Data(base64Encoded: auth), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            colon > bytes.startIndex
        else { return nil }
        return RegistryCredentials(
            username: String(decoding: bytes[..<colon], as: UTF8.self),
            password: String(decoding: bytes[bytes.index(after: colon)...], as: UTF8.self))
    }

    /// Whether a key, a host with or without scheme and path, stands for the registry.
    private static func host(of key: String, isFor registry: String) -> Bool {
        var host = Substring(key)
        for scheme in ["https://", "http://"] where host.hasPrefix(scheme) { host = host.dropFirst(scheme.utf8.count) }
        host = host.prefix { $0 != "/" }
        return registry == Reference.defaultRegistry ? hubHosts.contains(String(host)) : host == registry
    }

    /// The file of this user. Blocks.
    /// - Returns: nil when there is none, or none that can be read.
    static func load() -> DockerConfigurationFile? {
        let named = getenv("DOCKER_CONFIG").map { FilePath(String(cString: $0)) }
        let folder = named ?? getenv("HOME").map { FilePath(String(cString: $0)).appending(".docker") }
        // The user's own file, often a symbolic link: followed.
        guard let path = folder?.appending("config.json").string,
            let bytes = try? OwnedDescriptor.open(path, flags: O_RDONLY | O_NONBLOCK).readAll(limit: 4 << 20)
        else { return nil }
        return DockerConfigurationFile(bytes)
    }
}
