public import ContainerKit

/// An image with what makes a usable server of it.
public struct ContainerService: Sendable {
    /// Where its root file system comes from.
    public var image: ContainerSource
    /// When it takes requests.
    public var ready: ReadyStrategy?
    /// How long that may take.
    public var limit: Duration
    /// Changes the container's defaults.
    public var configure: @Sendable (inout ContainerConfiguration) -> Void

    /// A service of one's own; see `Trait.container(_:name:)`.
    public init(
        _ image: some ImageSource, ready: ReadyStrategy? = nil, within limit: Duration = .seconds(60),
        configure: @escaping @Sendable (inout ContainerConfiguration) -> Void = { _ in }
    ) {
        self.image = image.containerSource
        self.ready = ready
        self.limit = limit
        self.configure = configure
    }

    /// Redis on port 6379, without persistence.
    public static func redis(_ image: String = "redis:7") -> ContainerService {
        ContainerService(image, ready: .listening(on: 6379)) { configuration in
            configuration.command = ["redis-server", "--save", "", "--appendonly", "no"]
        }
    }

    /// PostgreSQL on port 5432, user and database `postgres`.
    public static func postgres(_ image: String = "postgres:16", password: String = "postgres") -> ContainerService {
        // Its first start runs a server that only listens on a path socket, so a port is the sign.
        ContainerService(image, ready: .listening(on: 5432)) { configuration in
            configuration.environment["POSTGRES_PASSWORD"] = password
            // Its entry point changes to another user.
            configuration.security.noNewPrivileges = false
        }
    }
}
