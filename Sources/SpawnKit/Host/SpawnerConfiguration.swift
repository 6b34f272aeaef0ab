public import SystemPackage

/// How a spawner is started.
public struct SpawnerConfiguration: Sendable {
    /// Another executable to run as the spawner: the product `container-shim` of this package. Nil, the default,
    /// executes the program itself a second time.
    public var executable: FilePath?
    /// How long the spawner may take until it says hello; a few milliseconds, on a machine that is overloaded a second or two. Ten seconds by
    /// default, which only a program that cannot be executed a second time comes to.
    public var startLimit: Duration = .seconds(10)

    public init() {}
}
