public import SystemPackage

/// How a spawner is started.
public struct SpawnerConfiguration: Sendable {
    /// Another executable to run as the spawner: the product `container-shim` of this package. Nil, the default,
    /// executes the program itself a second time.
    public var executable: FilePath?
    /// How long the spawner may take until it says hello. Two seconds by default.
    public var startLimit: Duration = .seconds(2)

    public init() {}
}
