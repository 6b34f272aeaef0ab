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

        /// - Parameter host: shell commands of root before, in a mount namespace of their own.
        func runtime(_ words: String..., host: String = ":") throws -> Command.Result {
            // By its path: a shell that has a setpriv built in would take that.
            let setpriv = try #require(Command.find("setpriv"))
            // An own session keyring and the environment of a login, without XDG_RUNTIME_DIR.
            return try Command(
                [
                    "unshare", "--mount", "--propagation", "private", "sh", "-c", host + "; exec \"$@\"", "sh", setpriv,
                    "--reuid=\(user)", "--regid=\(user)", "--clear-groups", directory.appending("runtime").string, "--root",
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

    /// newuidmap(1) and newgidmap(1) write what /etc/subuid and /etc/subgid give the user.
    @Test(.needsPrograms("newuidmap", "newgidmap")) func rangesOfIds() async throws {
        try await Self.with { bundle in
            try bundle.setScript(
                "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; touch /tmp/made")
            let ranges = bundle.directory.appending("ranges")
            try Files.write("nobody:100000:65536\n", to: ranges)
            let host = "for f in /etc/subuid /etc/subgid; do mount --bind \(ranges) $f; done"
            try bundle.change {
                var linux = $0["linux"] as? [String: Any] ?? [:]
                for name in ["uidMappings", "gidMappings"] {
                    linux[name] = [
                        ["containerID": 0, "hostID": Self.user, "size": 1], ["containerID": 1, "hostID": 100_000, "size": 65535],
                    ]
                }
                $0["linux"] = linux
                var root = $0["root"] as? [String: Any] ?? [:]
                root["readonly"] = false
                $0["root"] = root
                var process = $0["process"] as? [String: Any] ?? [:]
                process["user"] = ["uid": 1000, "gid": 1000]
                $0["process"] = process
            }
            let result = try bundle.runtime("run", "--bundle", bundle.directory.string, "one", host: host)
            let maps = " 0 \(Self.user) 1\n 1 100000 65535\n"
            #expect(result.standardOutput == maps + maps, "\(result.standardError)")
            #expect(Files.owner(bundle.directory.appending("rootfs/tmp/made")) == 100_999)
            guard RuntimeUnderTest.isOurs else { return }
            // Ranges of somebody else.
            let other = try bundle.runtime("run", "--bundle", bundle.directory.string, "one", host: "\(host); echo root:1:1 > \(ranges)")
            #expect(other.status != 0 && other.standardError.contains("/etc/subuid"), "\(other.standardError)")
            #expect(try bundle.runtime("list", "--quiet").standardOutput == "")
        }
    }

    /// What takes rights over the host is refused by the name of its field: limits need a cgroup, which such a user has none of, unless
    /// one is delegated to it.
    @Test(.ckrunOnly, arguments: ["resources", "cgroupsPath", "netDevices", "mounts", "gid", "user"])
    func whatTakesRightsIsRefused(_ field: String) async throws {
        try await Self.with { bundle in
            var name = "linux." + field
            try bundle.change {
                var linux = $0["linux"] as? [String: Any] ?? [:]
                var mounts = $0["mounts"] as? [[String: Any]] ?? []
                switch field {
                case "resources": linux["resources"] = ["pids": ["limit": 5]]
                case "cgroupsPath": linux["cgroupsPath"] = "/one"
                case "netDevices": linux["netDevices"] = ["nonesuch": [:]]
                case "user":
                    linux["namespaces"] = (linux["namespaces"] as? [[String: Any]])?.filter { $0["type"] as? String != "user" }
                    linux["uidMappings"] = nil
                    linux["gidMappings"] = nil
                    name = "linux.namespaces"
                case "gid":
                    mounts.append(["destination": "/more", "type": "devpts", "source": "devpts", "options": ["newinstance", "gid=5"]])
                    name = "mounts[\(mounts.count - 1)]"
                default:
                    mounts.append(["destination": "/more", "source": "/tmp", "options": ["bind", "idmap"]])
                    name = "mounts[\(mounts.count - 1)]"
                }
                ($0["linux"], $0["mounts"]) = (linux, mounts)
            }
            let result = try bundle.runtime("run", "--bundle", bundle.directory.string, "one")
            #expect(result.status != 0)
            #expect(result.standardError.contains(name), "\(result.standardError)")
            #expect(try bundle.runtime("list", "--quiet").standardOutput == "")
        }
    }
}
