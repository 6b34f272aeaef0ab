internal import CLinux
internal import FoundationEssentials
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

    /// The keys under which Docker keeps its own hub.
    private static let hubKeys = ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io"]

    func credentials(for registry: String) -> RegistryCredentials? {
        let keys =
            registry == Reference.defaultRegistry
            ? Self.hubKeys : [registry, "https://\(registry)", "https://\(registry)/v1/", "https://\(registry)/v2/"]
        for key in keys {
            guard let entry = auths?[key] else { continue }
            if let name = entry.username, let password = entry.password {
                return RegistryCredentials(username: name, password: password)
            }
            guard let auth = entry.auth, let bytes = Data(base64Encoded: auth),
                let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
            else { continue }
            return RegistryCredentials(
                username: String(decoding: bytes[..<colon], as: UTF8.self),
                password: String(decoding: bytes[bytes.index(after: colon)...], as: UTF8.self))
        }
        return nil
    }

    /// The file of this user. Blocks.
    /// - Returns: nil when there is none, or none that can be read.
    static func load() -> DockerConfigurationFile? {
        let named = getenv("DOCKER_CONFIG").map { FilePath(String(cString: $0)) }
        let folder = named ?? getenv("HOME").map { FilePath(String(cString: $0)).appending(".docker") }
        guard let folder, let bytes = try? ContentStore.contents(of: folder.appending("config.json")) else { return nil }
        return try? JSONDecoder().decode(DockerConfigurationFile.self, from: Data(bytes))
    }
}
