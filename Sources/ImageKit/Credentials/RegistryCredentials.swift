public import SystemPackage

/// What proves to a registry who is asking.
public struct RegistryCredentials: Sendable, Hashable {
    public var username: String
    public var password: String
    /// A refresh token of the registry's token service, instead of a password; nil is none.
    public var identityToken: String?
    /// A bearer token that goes to the registry as it is; nil is none.
    public var registryToken: String?

    public init(username: String, password: String) {
        self.username = username
        self.password = password
    }

    /// A refresh token of the registry's token service, as `docker login` gets one from some registries.
    public init(identityToken: String, username: String = "") {
        self.init(username: username, password: "")
        self.identityToken = identityToken
    }

    /// A bearer token that the registry accepts as it is.
    public init(registryToken: String) {
        self.init(username: "", password: "")
        self.registryToken = registryToken
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
    /// Docker's `config.json` (`$DOCKER_CONFIG`, else `~/.docker`) with the credential helpers that it names, then podman's `auth.json`
    /// (`$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers`, `~/.config/containers`).
    case dockerConfiguration
    /// One file in that format.
    case file(FilePath)
}
