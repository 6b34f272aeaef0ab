import OCIModel
import SystemPackage
import TestSupport
import Testing

@Suite("Command: namespaces, limits and filters", .tags(.privileged), .leakChecked, .needsRoot, .needsRuntime, .serialized)
struct CommandLinuxFieldTests {
    private func output(_ script: String, _ change: (inout RuntimeConfiguration) throws -> Void = { _ in }) async throws -> String {
        try await withCleanup { try CommandBundle($0).output(script, change) }
    }

    @Test(arguments: ["pid", "net", "ipc", "uts", "mnt", "cgroup"])
    func namespacesAreNew(_ name: String) async throws {
        let own = try #require(Files.link(FilePath("/proc/self/ns/\(name)")))
        let inside = try await output("readlink /proc/self/ns/\(name)")
        #expect(inside != own)
        #expect(inside.hasPrefix(name + ":["))
    }

    @Test func namespacesThatAreNotListedAreShared() async throws {
        let own = try #require(Files.link("/proc/self/ns/net"))
        #expect(try await output("readlink /proc/self/ns/net") { $0.linux?.namespaces?.removeAll { $0.type == .network } } == own)
    }

    @Test func namespaceByPath() async throws {
        try await withCleanup { cleanup in
            let first = try CommandBundle(cleanup)
            try first.start()
            let pid = try first.state("pid")
            let net = try #require(Files.link(FilePath("/proc/\(pid)/ns/net")))
            let second = try CommandBundle(cleanup)
            let text = try second.output("readlink /proc/self/ns/net; ls /proc | grep -c '^[0-9]*$'") {
                $0.linux?.namespaces?.removeAll { $0.type == .network || $0.type == .pid }
                $0.linux?.namespaces?.append(.init(type: .network, path: "/proc/\(pid)/ns/net"))
                $0.linux?.namespaces?.append(.init(type: .pid, path: "/proc/\(pid)/ns/pid"))
            }
            #expect(text.hasPrefix(net))
        }
    }

    @Test func firstProcessIsPidOne() async throws { #expect(try await output("echo $$") == "1") }

    @Test func hostname() async throws { #expect(try await output("hostname") == "inside") }

    @Test(.differs("runc", "crun", because: "they open the root as the mapped user, who cannot enter the directory above it"))
    func userNamespace() async throws {
        let text = try await output("id -u; tr -s ' ' < /proc/self/uid_map") {
            $0.linux?.namespaces?.append(.init(type: .user))
            $0.linux?.uidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
            $0.linux?.gidMappings = [.init(containerID: 0, hostID: 100_000, size: 65536)]
            $0.mounts?.removeAll { $0.destination == "/dev/pts" }
        }
        #expect(text == "0\n 0 100000 65536")
    }

    @Test func sysctl() async throws {
        #expect(
            try await output("cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shm_rmid_forced") {
                $0.linux?.sysctl = ["net.ipv4.ip_forward": "1", "kernel.shm_rmid_forced": "1"]
            } == "1\n1")
    }

    @Test func sysctlOfTheHostIsRefused() async throws {
        try await withCleanup { cleanup in
            let result = try CommandBundle(cleanup).run("true") { $0.linux?.sysctl = ["vm.swappiness": "1"] }
            #expect(result.status != 0)
        }
    }

    @Test func memoryLimit() async throws {
        let file = RuntimeUnderTest.isOnUnified ? "memory.max" : "memory/memory.limit_in_bytes"
        let path = RuntimeUnderTest.isOnUnified ? "/sys/fs/cgroup/memory.max" : "/sys/fs/cgroup/\(file)"
        #expect(
            try await output("cat \(path)") {
                $0.mounts?.append(
                    .init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]))
                $0.linux?.resources?.memory = .init(limit: 32 << 20)
            } == "\(32 << 20)")
    }

    @Test func pidsLimit() async throws {
        let path = RuntimeUnderTest.isOnUnified ? "/sys/fs/cgroup/pids.max" : "/sys/fs/cgroup/pids/pids.max"
        #expect(
            try await output("cat \(path)") {
                $0.mounts?.append(
                    .init(destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]))
                $0.linux?.resources?.pids = .init(limit: 17)
            } == "17")
    }

    @Test func cgroupIsTheOneOfThePath() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start { $0.linux?.cgroupsPath = "/cktest-parent/\(bundle.id)" }
            cleanup.add { for tree in Files.names(in: "/sys/fs/cgroup") ?? [] { _ = rmdirQuietly("/sys/fs/cgroup/\(tree)/cktest-parent") } }
            let pid = try bundle.state("pid")
            #expect(try Files.text(FilePath("/proc/\(pid)/cgroup")).contains("/cktest-parent/\(bundle.id)"))
            _ = try bundle.runtime("delete", "--force", bundle.id)
        }
    }

    @Test func seccompDenies() async throws {
        let text = try await output("mkdir /tmp/x 2>&1; grep Seccomp: /proc/self/status | tr -d '\\t'") {
            $0.linux?.seccomp = .init(
                defaultAction: .allow, syscalls: [.init(names: ["mkdir", "mkdirat"], action: .errno, errnoRet: 95)])
        }
        #expect(text.contains("not supported"))
        #expect(text.contains("Seccomp:2"))
    }

    @Test func seccompWithoutNoNewPrivileges() async throws {
        let text = try await output("mkdir /tmp/x 2>&1; id -u") {
            $0.process?.noNewPrivileges = false
            $0.process?.user = .init(uid: 1000, gid: 1000)
            $0.linux?.seccomp = .init(
                defaultAction: .allow, syscalls: [.init(names: ["mkdir", "mkdirat"], action: .errno, errnoRet: 95)])
        }
        #expect(text.contains("not supported"))
        #expect(text.contains("1000"))
    }

    @Test func annotationsAreInTheState() async throws {
        try await withCleanup { cleanup in
            let bundle = try CommandBundle(cleanup)
            try bundle.start { $0.annotations = ["org.example.key": "value"] }
            #expect(try bundle.runtime("state", bundle.id).standardOutput.contains("\"org.example.key\": \"value\""))
        }
    }
}
