import ContainerKit
import Glibc
import OCIModel
import RuntimeKit
import SystemPackage

/// A program that keeps containers, as a service of systemd runs it: see Tests/Guest/systemd.
///
/// Usage: ServiceProbe serve <root file system> | delete | missing
@main struct ServiceProbe {
    /// What the test reads, once everything that it tells is true.
    static let report: FilePath = "/run/probe/report"

    static func main() async {
        do {
            switch CommandLine.arguments.dropFirst().first {
            case "serve": try await serve(FilePath(CommandLine.arguments[2]))
            case "delete":
                try await withContainerEngine { engine in
                    let container = try await engine.reattach("durable")
                    try await container.stop(gracePeriod: .milliseconds(200))
                    try await container.delete()
                }
            case "missing":
                for missing in try await ContainerEngine().features().missing { print("\(missing.feature): \(missing.advice)") }
            default: exit(64)
            }
        } catch {
            print("ServiceProbe: \(error)")
            exit(1)
        }
        exit(0)
    }

    static func serve(_ root: FilePath) async throws {
        let engine = try await ContainerEngine()
        let source = ContainerSource.directory(root)
        let script = "while :; do echo tick; sleep 0.1; done"
        var facts: [String] = []
        let durable: Container
        if try await engine.containers.list().contains(where: { $0.id.description == "durable" }) {
            durable = try await engine.reattach("durable")
            let answer = try await durable.exec(["sh", "-c", "echo $KEPT"]).standardOutput
            let before = try await durable.logs().count
            try await Task.sleep(for: .milliseconds(500))
            facts.append("reattached=\(answer.filter { $0 != "\n" })")
            facts.append("ticks=\(try await durable.logs().count > before)")
        } else {
            durable = try await engine.start(source) { configuration in
                configuration.name = ContainerID("durable")
                configuration.command = ["sh", "-c", script]
                configuration.life = .durable
                configuration.environment["KEPT"] = "kept"
                configuration.resources.memory = .mebibytes(64)
                configuration.resources.pids = 32
            }
            facts.append("reattached=no")
        }
        let throwaway = try await engine.start(source) { configuration in
            configuration.name = ContainerID("throwaway")
            configuration.command = ["sh", "-c", script]
            configuration.output = .discard
            configuration.isShared = true
            configuration.resources.memory = .mebibytes(64)
        }
        facts += ["durable=\(durable.pid ?? 0)", "throwaway=\(throwaway.pid ?? 0)", "main=\(getpid())"]
        let file = try FileDescriptor.open(
            Self.report, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .otherRead])
        try file.writeAll((facts + ["complete", ""]).joined(separator: "\n").utf8)
        try file.close()
        try await Task.sleep(for: .seconds(3600))
    }
}
