import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// The switch of the security tests: what a runtime did that took paths for what they seem to be. Each attack is carried out against it
/// too, and has to succeed there, so that no test passes because the attack was wrong.
enum NaiveRuntime {
    /// Runs shell commands in a mount namespace of their own, as root, with `$root` the root file system: mounts and writes by path.
    static func run(_ root: FilePath, _ script: String) throws -> Command.Result {
        try Command(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", "root=\(root.string)\n" + script], timeout: .seconds(20)
        ).run()
    }
}

/// A directory that stands for the host, and one that hostile parties fill: a root file system and a volume.
struct Attack {
    /// What must not be reached from inside.
    let host: FilePath
    let volume: FilePath

    static func with(_ body: (Attack) async throws -> Void) async throws {
        try await TestDirectory.with { directory in
            let attack = Attack(host: directory.appending("host"), volume: directory.appending("volume"))
            for path in [attack.host, attack.volume] { try TestDirectory.create(path) }
            try Files.write("secret\n", to: attack.host.appending("secret"))
            try await body(attack)
        }
    }

    /// A relative link from anywhere to a path of the host.
    static func wayOut(_ path: FilePath) -> String { String(repeating: "../", count: 40) + path.string.dropFirst() }
}
