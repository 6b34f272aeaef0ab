import Glibc
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Containers that a user without privileges makes: `nobody`, with or without ranges of ids of its own.
struct UnprivilegedLaunch {
    static let user: UInt32 = 65534

    /// What such a user can do here.
    static var features: HostFeatures {
        var features = HostFeatures.detect(cgroups: CgroupHost(hierarchies: []))
        (features.userID, features.groupID, features.effective, features.available) = (user, user, 0, 0)
        return features
    }

    static var compiler: PlanCompiler {
        PlanCompiler(features: features, cgroups: CgroupHost(hierarchies: []), seccomp: SeccompCache(directory: nil))
    }

    /// A configuration as `spec --rootless` writes it, with a network namespace.
    static func configuration(_ script: String, hasRanges: Bool) -> RuntimeConfiguration {
        var configuration = Configurations.minimal
        configuration.process?.args = ["sh", "-c", script]
        configuration.process?.user = .init(uid: 0, gid: 0)
        configuration.mounts?.removeAll { $0.type == "cgroup" }
        let index = configuration.mounts?.firstIndex { $0.type == "devpts" } ?? 0
        configuration.mounts?[index].options?.removeAll { $0 == "gid=5" }
        configuration.linux?.namespaces?.append(.init(type: .user))
        var mappings = [RuntimeConfiguration.IDMapping(containerID: 0, hostID: user, size: 1)]
        if hasRanges { mappings.append(.init(containerID: 1, hostID: 100_000, size: 65535)) }
        configuration.linux?.uidMappings = mappings
        configuration.linux?.gidMappings = mappings
        return configuration
    }

    let probe: LaunchProbe
    let root: FilePath

    static func with(_ body: (UnprivilegedLaunch) async throws -> Void) async throws {
        try await withProbe { probe, root throws in
            _ = try Command.run("chown", "-R", "\(user):\(user)", root.string)
            _ = try Command.run("chmod", "755", probe.directory.string)
            // Where the user can reach it.
            _ = try Command.run("cp", LaunchProbe.path, probe.directory.appending("probe").string)
            try await body(UnprivilegedLaunch(probe: probe, root: root))
        }
    }

    /// Compiles for the user and runs as the user; /etc/subuid and /etc/subgid are the test's.
    func run(
        _ configuration: RuntimeConfiguration, exec: [String]? = nil, in parent: CgroupParent? = nil, on host: CgroupHost? = nil
    ) throws -> Command.Result {
        let id = try #require(ContainerID("one"))
        var compiler = Self.compiler
        if let host { compiler = PlanCompiler(features: Self.features, cgroups: host, seccomp: SeccompCache(directory: nil)) }
        let plan = try compiler.compile(configuration, container: id, root: .directory(root), cgroupParent: parent)
        let file = probe.directory.appending("plan")
        try Files.write(plan.encode(), to: file)
        var arguments = ["run", file.string]
        if let exec, var process = configuration.process {
            process.args = exec
            let second = probe.directory.appending("exec")
            try Files.write(try Self.compiler.compile(exec: process, in: configuration).encode(), to: second)
            arguments = ["exec", file.string, second.string]
        }
        let ranges = probe.directory.appending("ranges")
        try Files.write("nobody:100000:65536\n", to: ranges)
        let hasRanges = configuration.linux?.uidMappings?.count ?? 0 > 1
        let script =
            (hasRanges ? "for f in /etc/subuid /etc/subgid; do mount --bind \(ranges) $f; done; " : "")
            + (parent.map { "echo $$ > /sys/fs/cgroup\($0.path)/launcher/cgroup.procs; " } ?? "") + "exec \"$@\""
        return try Command(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
                + [
                    try #require(Command.find("setpriv")), "--reuid=\(Self.user)", "--regid=\(Self.user)", "--groups=\(Self.user),4",
                    "--inh-caps=-all",
                ]
                + [probe.directory.appending("probe").string] + arguments,
            timeout: .seconds(20)
        ).run()
    }
}

@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct UnprivilegedLaunchTests {
    private static let facts = """
        id -u; tr -s ' ' < /proc/self/uid_map; cat /proc/self/setgroups; touch /made /dev/x /dev/shm/x && stat -c %u /made
        echo x > /dev/null && echo null; ip -o link show lo | grep -c ',UP'; cat /proc/sys/kernel/hostname; cat /proc/self/oom_score_adj
        grep -q . /proc/kcore || echo hidden; (echo 1 > /proc/sys/net/ipv4/ip_forward) 2> /dev/null || echo read-only; echo $$
        """

    /// The own id alone, which the kernel lets everybody map; and with the help of newuidmap(1).
    @Test(arguments: [false, true]) func aContainerWithoutPrivileges(hasRanges: Bool) async throws {
        try await UnprivilegedLaunch.with { launch in
            var configuration = UnprivilegedLaunch.configuration(Self.facts, hasRanges: hasRanges)
            configuration.process?.oomScoreAdj = 321
            let maps = hasRanges ? " 0 65534 1\n 1 100000 65535\n" : " 0 65534 1\n"
            let result = try launch.run(configuration)
            #expect(
                result.standardOutput
                    == "0\n\(maps)\(hasRanges ? "allow" : "deny")\n0\nnull\n1\ninside\n321\nhidden\nread-only\n1\n",
                "\(result.standardOutput) \(result.standardError)")
            #expect(Files.owner(launch.root.appending("made")) == UnprivilegedLaunch.user)
        }
    }

    /// Ids of the range are the user's to give.
    @Test func othersOfTheRange() async throws {
        try await UnprivilegedLaunch.with { launch in
            var configuration = UnprivilegedLaunch.configuration(
                "grep -E '^(Uid|Groups)' /proc/self/status; touch /tmp/made", hasRanges: true)
            configuration.process?.user = .init(uid: 1000, gid: 1000, additionalGids: [7])
            let result = try launch.run(configuration)
            #expect(result.standardOutput == "Uid:\t1000\t1000\t1000\t1000\nGroups:\t7 \n", "\(result.standardError)")
            #expect(Files.owner(launch.root.appending("tmp/made")) == 100_999)
        }
    }

    /// Ranges that are not the user's are refused by newuidmap(1).
    @Test func rangesOfOthers() async throws {
        try await UnprivilegedLaunch.with { launch in
            var configuration = UnprivilegedLaunch.configuration("true", hasRanges: true)
            configuration.linux?.uidMappings?[1].hostID = 200_000
            let result = try launch.run(configuration)
            #expect(result.standardError == "failure writeIDMaps 0 1 0\n")
        }
    }

    @Test(arguments: [false, true]) func furtherProcesses(hasRanges: Bool) async throws {
        try await UnprivilegedLaunch.with { launch in
            let configuration = UnprivilegedLaunch.configuration("sleep 30", hasRanges: hasRanges)
            let result = try launch.run(configuration, exec: ["sh", "-c", "id -u; cat /proc/sys/kernel/hostname; readlink /proc/self/cwd"])
            #expect(result.standardOutput == "0\ninside\n/\n", "\(result.standardError)")
        }
    }

    /// A bind mount, an image's directory and a terminal's device need no privileges.
    @Test func bindsAndReadOnlyRoots() async throws {
        try await UnprivilegedLaunch.with { launch in
            var configuration = UnprivilegedLaunch.configuration(
                "cat /data/secret; (touch /data/x) 2> /dev/null || echo read-only; (touch /x) 2> /dev/null || echo root", hasRanges: false)
            let data = launch.root.appending("srv")
            try TestDirectory.create(data)
            try Files.write("mine\n", to: data.appending("secret"))
            configuration.mounts?.append(.init(destination: "/data", source: data.string, options: ["rbind", "ro"]))
            configuration.root?.readonly = true
            #expect(try launch.run(configuration).standardOutput == "mine\nread-only\nroot\n")
        }
    }

    private static let isUnified = CgroupHost.detect().mode == .unified

    /// A cgroup of version 2 that root gave the user.
    @Test(.enabled(if: isUnified, "cgroups of version 1 cannot be delegated")) func limitsInADelegatedCgroup() async throws {
        let host = CgroupHost.detect()
        let parent = try CgroupParent(FilePath("/containerkit-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"))
        let directory = "/sys/fs/cgroup\(parent.path)"
        defer { for path in [directory + "/launcher", directory] { rmdir(path) } }
        _ = try Command.run(
            "sh", "-c",
            "mkdir -p \(directory)/launcher; echo '+pids +memory' > \(directory)/cgroup.subtree_control; chown -R \(UnprivilegedLaunch.user) \(directory)"
        )
        try await UnprivilegedLaunch.with { launch in
            var configuration = UnprivilegedLaunch.configuration(
                "cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max; cat /proc/self/cgroup; i=0; while [ $i -lt 9 ]; do sleep 1 & i=$((i+1)); done",
                hasRanges: false)
            configuration.mounts?.append(.init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro"]))
            configuration.linux?.resources = .init(
                devices: [.init(allow: false, access: "rwm")], memory: .init(limit: 64 << 20), pids: .init(limit: 5))
            let result = try launch.run(configuration, in: parent, on: host)
            #expect(result.standardOutput == "5\n67108864\n0::/\n", "\(result.standardError)")
            #expect(result.standardError.contains("can't fork"))
            #expect(Files.names(in: FilePath(directory))?.contains("one") == false)
        }
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var field: String
        var code: RuntimeError.Code
        var change: @Sendable (inout RuntimeConfiguration) -> Void
        var testDescription: String { field }
    }

    static let refusals: [Refusal] = [
        Refusal(field: "linux.namespaces", code: .notPermitted) { configuration in
            configuration.linux?.namespaces?.removeAll { $0.type == .user }
            configuration.linux?.uidMappings = nil
            configuration.linux?.gidMappings = nil
        },
        Refusal(field: "linux.resources", code: .hostLacksFeature) { $0.linux?.resources = .init(pids: .init(limit: 5)) },
        Refusal(field: "linux.cgroupsPath", code: .hostLacksFeature) { $0.linux?.cgroupsPath = "/x" },
        Refusal(field: "linux.netDevices", code: .notPermitted) { $0.linux?.netDevices = ["eth0": .init()] },
        Refusal(field: "process.user.additionalGids", code: .invalidField) { $0.process?.user?.additionalGids = [0] },
        Refusal(field: "process.user.uid", code: .invalidField) { $0.process?.user?.uid = 7 },
        Refusal(field: "mounts[6].options", code: .invalidField) {
            $0.mounts?.append(.init(destination: "/x", type: "tmpfs", options: ["gid=5"]))
        },
        Refusal(field: "mounts[6]", code: .notPermitted) {
            $0.mounts?.append(.init(destination: "/x", source: "/srv", options: ["rbind", "idmap"]))
        },
        Refusal(field: "mounts[6]", code: .hostLacksFeature) { $0.mounts?.append(.init(destination: "/sys/fs/cgroup", type: "cgroup")) },
    ]

    /// What takes privileges is refused before anything is made, by its name.
    @Test(arguments: refusals) func isRefused(_ refusal: Refusal) throws {
        var configuration = UnprivilegedLaunch.configuration("true", hasRanges: false)
        refusal.change(&configuration)
        let error = #expect(throws: RuntimeError.self) {
            _ = try UnprivilegedLaunch.compiler.compile(
                configuration, container: try #require(ContainerID("one")), root: .directory("/"), cgroupParent: nil)
        }
        #expect(error?.code == refusal.code, "\(error as Any)")
        #expect(error?.subject == .field(refusal.field), "\(error as Any)")
    }
}
