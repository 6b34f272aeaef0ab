import ArgumentParser
import ContainerKit
import Synchronization

/// Options of the engine, which stand before the subcommand.
struct EngineOptions: Sendable {
    var root: FilePath?
    var run: FilePath?
    var cgroupParent: FilePath?
    var plainHTTP: Set<String> = []
    var trustRoots: [FilePath] = []

    static let help = """
        Options before the subcommand:
          --root <dir>           images, layers and logs (/var/lib/containerkit)
          --run-root <dir>       state of running containers (/run/containerkit)
          --plain-http <name>    a registry that is spoken to in plain HTTP (also --insecure-registry)
          --ca-file <pem>        certificates trusted besides the system's
          --cgroup-parent <path> where the cgroups of containers lie (/containerkit)
        """

    private static let current = Mutex(EngineOptions())

    /// Takes them off the front.
    static func take(from arguments: [String]) throws -> [String] {
        var options = EngineOptions()
        var rest = arguments[...]
        while let first = rest.first, first.hasPrefix("--") {
            let parts = first.split(separator: "=", maxSplits: 1).map(String.init)
            guard ["--root", "--run-root", "--plain-http", "--insecure-registry", "--ca-file", "--cgroup-parent"].contains(parts[0]) else {
                break
            }
            rest = rest.dropFirst()
            let value: String
            if parts.count == 2 {
                value = parts[1]
            } else if let next = rest.popFirst() {
                value = next
            } else {
                throw ValidationError("\(parts[0]) needs a value.")
            }
            switch parts[0] {
            case "--root": options.root = FilePath(value)
            case "--run-root": options.run = FilePath(value)
            case "--cgroup-parent": options.cgroupParent = FilePath(value)
            case "--ca-file": options.trustRoots.append(FilePath(value))
            default: options.plainHTTP.insert(value)
            }
        }
        current.withLock { $0 = options }
        return Array(rest)
    }

    /// Runs a body with an engine of these options.
    static func withEngine<Value>(_ body: (ContainerEngine) async throws -> Value) async throws -> Value {
        let options = current.withLock { $0 }
        return try await withContainerEngine { configuration in
            if let root = options.root { configuration.root = root }
            if let run = options.run { configuration.run = run }
            if let parent = options.cgroupParent { configuration.cgroupParent = parent }
            configuration.registry.plainHTTP = options.plainHTTP
            configuration.registry.trustRoots = options.trustRoots
        } operation: { engine in
            try await body(engine)
        }
    }
}
