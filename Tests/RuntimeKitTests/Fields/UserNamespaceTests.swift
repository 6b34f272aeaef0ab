import CLinux
import LinuxSystem
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// User namespaces of a container's own, and others'.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct UserNamespaceTests {
    private static let facts = """
        id -u; tr -s ' ' < /proc/self/uid_map; grep -E '^(CapEff|Uid)' /proc/self/status | tr '\\t' ' '; cat /proc/self/oom_score_adj
        echo x > /dev/null && echo null; touch /made && stat -c %u /made; mount -t tmpfs tmpfs /tmp && echo mounted; hostname changed && hostname
        """

    /// Namespaces of a process with a user namespace of its own, mapped to 100000.
    private static func withHolder(_ body: (Int32) async throws -> Void) async throws {
        let holder = try ChildProcess(Command(["unshare", "--user", "--net", "--uts", "sleep", "60"]))
        defer { holder.stop() }
        let own = Files.link("/proc/self/ns/uts")
        for _ in 0..<200 where Files.link(FilePath("/proc/\(holder.pid)/ns/uts")) == own { usleep(10_000) }
        for file in ["uid_map", "gid_map"] {
            try OwnedDescriptor.open("/proc/\(holder.pid)/\(file)", flags: O_WRONLY).write("0 100000 65536\n")
        }
        try await body(holder.pid)
    }

    private static func owned(_ root: FilePath) throws { _ = try Command.run("chown", "-R", "100000:100000", root.string) }

    private static let expected = """
        0
         0 100000 65536
        Uid: 0 0 0 0
        CapEff: 0000000000200000
        500
        null
        0
        mounted
        changed

        """

    private static func configure(_ configuration: inout RuntimeConfiguration) {
        configuration.process?.oomScoreAdj = 500
        configuration.process?.capabilities = .init(
            bounding: ["CAP_SYS_ADMIN"], effective: ["CAP_SYS_ADMIN"], permitted: ["CAP_SYS_ADMIN"])
    }

    @Test func oneOfItsOwn() async throws {
        let result = try await CompiledLaunch.run(Self.facts) {
            Self.configure(&$0)
            $0.linux?.namespaces?.append(.init(type: .user))
            $0.linux?.uidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
            $0.linux?.gidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
        } prepare: {
            try Self.owned($0)
        }
        #expect(result.standardOutput == Self.expected, "\(result.standardOutput) \(result.standardError)")
    }

    /// Its own mounts, processes and so on belong to the namespace that is joined; network and host name of that one come along.
    @Test(arguments: [true, false]) func anothers(withItsNetwork: Bool) async throws {
        try await Self.withHolder { holder in
            let result = try await CompiledLaunch.run(Self.facts + "\nreadlink /proc/self/ns/net; readlink /proc/self/ns/user") {
                Self.configure(&$0)
                $0.linux?.namespaces?.append(.init(type: .user, path: "/proc/\(holder)/ns/user"))
                // Of no consequence: it has its maps.
                $0.linux?.uidMappings = [.init(containerID: 0, hostID: 0, size: 1)]
                guard withItsNetwork else { return }
                for index in ($0.linux?.namespaces ?? []).indices {
                    switch $0.linux?.namespaces?[index].type {
                    case .network?: $0.linux?.namespaces?[index].path = "/proc/\(holder)/ns/net"
                    case .uts?: $0.linux?.namespaces?[index].path = "/proc/\(holder)/ns/uts"
                    default: break
                    }
                }
            } prepare: {
                try Self.owned($0)
            }
            let net = withItsNetwork ? Files.link(FilePath("/proc/\(holder)/ns/net")) ?? "" : ""
            let text = result.standardOutput
            #expect(text.hasPrefix(Self.expected), "\(text) \(result.standardError)")
            #expect(text.hasSuffix((Files.link(FilePath("/proc/\(holder)/ns/user")) ?? "-") + "\n"))
            #expect(text.contains("\(net)\n") == true)
            #expect(withItsNetwork || !text.contains(Files.link(FilePath("/proc/\(holder)/ns/net")) ?? "-"))
        }
    }

    /// A further process gets into a joined user namespace as into an own one.
    @Test func exec() async throws {
        try await Self.withHolder { holder in
            try await withProbe { probe, root throws in
                try Self.owned(root)
                _ = try Command.run("chmod", "755", probe.directory.string)
                var configuration = Configurations.minimal
                configuration.process?.args = ["sleep", "30"]
                configuration.linux?.namespaces?.append(.init(type: .user, path: "/proc/\(holder)/ns/user"))
                let compiler = PlanCompiler(features: .detect(), cgroups: .detect(), seccomp: SeccompCache(directory: nil))
                let id = try #require(ContainerID("one"))
                configuration.mounts?.removeAll { $0.type == "cgroup" }
                let plan = try compiler.compile(configuration, container: id, root: .directory(root), cgroupParent: nil)
                var process = try #require(configuration.process)
                process.args = ["sh", "-c", "id -u; tr -s ' ' < /proc/self/uid_map; cat /proc/self/oom_score_adj"]
                process.oomScoreAdj = 300
                let file = probe.directory.appending("exec")
                try Files.write(try compiler.compile(exec: process, in: configuration).encode(), to: file)
                let result = try probe.run("exec", plan, [file.string])
                #expect(result.standardOutput == "0\n 0 100000 65536\n300\n", "\(result.standardError)")
            }
        }
    }

    /// The own user namespace cannot be entered again.
    @Test func theOwnOneIsRefused() async throws {
        let result = try await CompiledLaunch.run("true") { $0.linux?.namespaces?.append(.init(type: .user, path: "/proc/self/ns/user")) }
        #expect(result.standardError == "failure joinNamespace 0 22 0\n")
    }

    /// With offsets of clocks, whose file a process in a user namespace can only open while it is dumpable.
    @Test(arguments: [true, false]) func offsetsOfClocks(withUserNamespace: Bool) async throws {
        let result = try await CompiledLaunch.run("cut -d. -f1 /proc/uptime; tr -s ' ' < /proc/self/timens_offsets") {
            $0.linux?.namespaces?.append(.init(type: .time))
            $0.linux?.timeOffsets = .init(monotonic: .init(secs: 86400, nanosecs: 7), boottime: .init(secs: 10_000_000))
            guard withUserNamespace else { return }
            $0.linux?.namespaces?.append(.init(type: .user))
            $0.linux?.uidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
            $0.linux?.gidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
        } prepare: {
            if withUserNamespace { try Self.owned($0) }
        }
        let lines = result.standardOutput.split(separator: "\n")
        #expect(Int(lines.first ?? "") ?? 0 >= 10_000_000, "\(result.standardError)")
        #expect(lines.dropFirst().joined(separator: "\n") == "monotonic 86400 7\nboottime 10000000 0", "\(lines)")
    }
}
