/// What proves to a registry who is asking.
public struct RegistryCredentials: Sendable, Hashable {
    public var username: String
    public var password: String

    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }
}

extension RegistryCredentials: CustomStringConvertible, CustomDebugStringConvertible {
    /// Never the password: this ends up in logs.
    public var description: String { "\(username):…" }
    public var debugDescription: String { description }
}

/// Where credentials come from.
public enum CredentialSource: Sendable {
    /// Anonymous.
    case none
    /// By registry, as it stands in references: `docker.io`, `localhost:5000`.
    case fixed([String: RegistryCredentials])
    /// Docker's `config.json`: `$DOCKER_CONFIG`, else `~/.docker`. Entries of credential helpers are not used.
    case dockerConfiguration
}
