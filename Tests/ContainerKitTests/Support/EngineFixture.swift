import ContainerKit
import Glibc
import TestSupport
import Testing

/// An engine of its own root, run directory and cgroup parent, and a busybox root directory; nothing is left of it afterwards.
struct EngineFixture {
    let engine: ContainerEngine
    let base: FilePath
    /// A root file system for `.directory`.
    let rootDirectory: FilePath

    var directory: ContainerSource { .directory(rootDirectory) }

    static func configure(_ configuration: inout EngineConfiguration, in base: FilePath) {
        configuration.root = base.appending("root")
        configuration.run = base.appending("run")
        configuration.cgroupParent = FilePath("/containerkit-test-\(getpid())")
        configuration.removesCgroupParent = true
        configuration.durability = .none
    }

    /// - Parameter depth: bytes that the path of the root has at least.
    static func with<Value>(
        depth: Int = 0, configure: (inout EngineConfiguration) -> Void = { _ in }, _ body: (EngineFixture) async throws -> Value
    ) async throws -> Value {
        try await withCleanup { cleanup in
            let base = try cleanup.directory("engine", depth: depth)
            let root = base.appending("rootfs")
            try TestRootFileSystem.make(at: root)
            return try await withContainerEngine { configuration in
                Self.configure(&configuration, in: base)
                configure(&configuration)
            } operation: { engine in
                try await body(EngineFixture(engine: engine, base: base, rootDirectory: root))
            }
        }
    }
}
