public import OCIModel

/// What an image's configuration says about running it (image-spec 1.1, config.md, "config").
public struct ImageDefaults: Sendable, Hashable {
    public var entrypoint: [String]
    public var command: [String]
    /// `KEY=value`.
    public var environment: [String]
    /// `user`, `user:group`, ids or names; empty is root.
    public var user: String
    /// Empty is `/`.
    public var workingDirectory: String
    /// `SIGTERM`, `15`; nil is SIGTERM.
    public var stopSignal: String?
    public var labels: [String: String]
    /// What else the image says of itself, under the names that the specification gives it (image-spec 1.1, conversion.md, "Annotation
    /// Fields"). Labels of the same name win.
    public var annotations: [String: String]
    /// Paths that the image declares as volumes. A bundle has none of them: ContainerKit gives each a directory of its own.
    public var volumes: [String]
    /// `80/tcp`.
    public var exposedPorts: [String]
    /// How Docker asks whether a container is well.
    public var healthcheck: ImageConfiguration.Healthcheck?

    public init(
        entrypoint: [String] = [], command: [String] = [], environment: [String] = [], user: String = "", workingDirectory: String = "",
        stopSignal: String? = nil, labels: [String: String] = [:], annotations: [String: String] = [:], volumes: [String] = [],
        exposedPorts: [String] = []
    ) {
        self.entrypoint = entrypoint
        self.command = command
        self.environment = environment
        self.user = user
        self.workingDirectory = workingDirectory
        self.stopSignal = stopSignal
        self.labels = labels
        self.annotations = annotations
        self.volumes = volumes
        self.exposedPorts = exposedPorts
    }
}

extension ImageDefaults {
    /// The part of an image's configuration that says how to run it.
    public init(_ configuration: ImageConfiguration) {
        let config = configuration.config
        self.init(
            entrypoint: config?.entrypoint ?? [], command: config?.command ?? [], environment: config?.environment ?? [],
            user: config?.user ?? "", workingDirectory: config?.workingDirectory ?? "",
            stopSignal: config?.stopSignal.flatMap { $0.isEmpty ? nil : $0 }, labels: config?.labels ?? [:],
            annotations: Self.annotations(configuration), volumes: (config?.volumes ?? [:]).keys.sorted(),
            exposedPorts: (config?.exposedPorts ?? [:]).keys.sorted())
        healthcheck = config?.healthcheck
    }

    private static func annotations(_ configuration: ImageConfiguration) -> [String: String] {
        let ports = (configuration.config?.exposedPorts ?? [:]).keys.sorted().joined(separator: ",")
        let facts = [
            "os": configuration.os, "architecture": configuration.architecture, "variant": configuration.variant,
            "author": configuration.author, "created": configuration.created, "stopSignal": configuration.config?.stopSignal,
            "exposedPorts": ports,
        ]
        var annotations: [String: String] = [:]
        for case (let name, let value?) in facts where !value.isEmpty { annotations["org.opencontainers.image.\(name)"] = value }
        return annotations
    }
}
