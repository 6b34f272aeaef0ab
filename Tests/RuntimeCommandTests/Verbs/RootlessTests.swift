import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

/// The command in the hands of a user without privileges, with the configuration that `spec --rootless` writes.
@Suite(.serialized, .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime)
struct RootlessTests {
    private static let user = 65534

    private struct Bundle {
        let directory: FilePath

        func runtime(_ words: String...) throws -> Command.Result {
            // An own session keyring and the environment of a login, without XDG_RUNTIME_DIR.
            try Command(
                [
                    "setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", directory.appending("runtime").string, "--root",
                    directory.appending("state").string,
                ] + words, environment: ["PATH": "/usr/bin:/bin"], timeout: .seconds(30)
            ).run()
        }

        func change(_ change: (inout [String: Any]) -> Void) throws {
            let file = directory.appending("config.json")
            var object = try #require(try JSONSerialization.jsonObject(with: Data(Files.read(file))) as? [String: Any])
            change(&object)
            try Files.write(Array(try JSONSerialization.data(withJSONObject: object)), to: file)
        }

        func setScript(_ script: String) throws {
            try change {
                var process = $0["process"] as? [String: Any] ?? [:]
                process["args"] = ["sh", "-c", script]
                process["terminal"] = false
                $0["process"] = process
            }
        }
    }

    private static func with(_ body: (Bundle) throws -> Void) async throws {
        try await TestDirectory.with { directory in
            try TestRootFileSystem.make(at: directory.appending("rootfs"))
            _ = try Command.run("cp", try #require(RuntimeUnderTest.path), directory.appending("runtime").string)
            _ = try Command.run("chown", "-R", "\(user):\(user)", directory.string)
            let bundle = Bundle(directory: directory)
            let spec = try bundle.runtime("spec", "--rootless", "--bundle", directory.string)
            try #require(spec.status == 0, "\(spec.standardError)")
            try body(bundle)
        }
    }

    @Test func run() async throws {
        try await Self.with { bundle in
            try bundle.setScript("id -u; tr -s ' ' < /proc/self/uid_map; echo x > /dev/null && hostname; exit 7")
            let result = try bundle.runtime("run", "--bundle", bundle.directory.string, "one")
            #expect(result.status == 7, "\(result.standardError)")
            #expect(result.standardOutput.hasPrefix("0\n 0 \(Self.user) 1\n"), "\(result.standardOutput)")
            #expect(try bundle.runtime("list", "--quiet").standardOutput == "")
        }
    }

    @Test func theWholeLife() async throws {
        try await Self.with { bundle in
            try bundle.setScript("exec sleep 1000")
            defer { _ = try? bundle.runtime("delete", "--force", "one") }
            let created = try bundle.runtime("create", "--bundle", bundle.directory.string, "one")
            #expect(created.status == 0, "\(created.standardError)")
            #expect(try bundle.runtime("state", "one").standardOutput.contains("\"created\""))
            #expect(try bundle.runtime("start", "one").status == 0)
            #expect(try bundle.runtime("state", "one").standardOutput.contains("\"running\""))
            let exec = try bundle.runtime("exec", "one", "sh", "-c", "id -u; echo $$; exit 3")
            #expect(exec.status == 3 && exec.standardOutput.hasPrefix("0\n"), "\(exec.standardOutput) \(exec.standardError)")
            #expect(try bundle.runtime("kill", "one", "KILL").status == 0)
            for _ in 0..<200 where try !bundle.runtime("state", "one").standardOutput.contains("\"stopped\"") { usleep(10_000) }
            let deleted = try bundle.runtime("delete", "one")
            #expect(deleted.status == 0, "\(deleted.standardError)")
        }
    }

    /// Limits need a cgroup, which such a user has none of, unless one is delegated to it.
    @Test(.ckrunOnly) func limitsAreRefused() async throws {
        try await Self.with { bundle in
            try bundle.change {
                var linux = $0["linux"] as? [String: Any] ?? [:]
                linux["resources"] = ["pids": ["limit": 5]]
                $0["linux"] = linux
            }
            let result = try bundle.runtime("run", "--bundle", bundle.directory.string, "one")
            #expect(result.status != 0)
            #expect(result.standardError.contains("linux.resources"), "\(result.standardError)")
        }
    }
}
