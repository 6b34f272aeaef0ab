import CLinux
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Interfaces of the host that become a container's. The "host" is a network namespace of the test's.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct NetDeviceTests {
    private static let host = """
        ip link add ckA type veth peer name ckB; ip addr add 192.0.2.7/24 dev ckA; ip addr add 2001:db8::7/64 dev ckA

        """

    private func run(_ script: String, before: String = host, after: String = "true", _ change: (inout RuntimeConfiguration) -> Void)
        async throws -> Command.Result
    {
        try await CompiledLaunch.run(
            around: ["unshare", "--net", "sh", "-c", before + "\"$@\"; status=$?; " + after + "; exit $status", "sh"], script, change)
    }

    @Test func theyMoveWithTheirAddressesAndNames() async throws {
        let result = try await run(
            "ip -o addr show eth0; ip -o link show eth0", after: "ip -o link show ckA || echo gone"
        ) { $0.linux?.netDevices = ["ckA": .init(name: "eth0")] }
        let text = result.standardOutput
        #expect(text.contains("inet 192.0.2.7/24 "), "\(text) \(result.standardError)")
        #expect(text.contains("inet6 2001:db8::7/64 "))
        #expect(text.contains(",UP"))
        #expect(text.contains("gone\n"))
    }

    /// Without a name of its own an interface keeps the one it has; in a joined namespace too.
    @Test func theyKeepTheirNamesAndComeToJoinedNamespaces() async throws {
        let result = try await run("ip -o link show ckA | grep -c UP; ip -o link show ckC | grep -c UP") {
            $0.linux?.netDevices = ["ckA": .init()]
        }
        #expect(result.standardOutput.hasPrefix("1\n0\n"), "\(result.standardOutput) \(result.standardError)")
        let joined = try ChildProcess(Command(["unshare", "--net", "sleep", "30"]))
        defer { joined.stop() }
        let own = Files.link("/proc/self/ns/net")
        for _ in 0..<100 where Files.link(FilePath("/proc/\(joined.pid)/ns/net")) == own { usleep(10_000) }
        let second = try await run("ip -o link show eth9 | grep -c UP") {
            $0.linux?.namespaces?.removeAll { $0.type == .network }
            $0.linux?.namespaces?.append(.init(type: .network, path: "/proc/\(joined.pid)/ns/net"))
            $0.linux?.netDevices = ["ckA": .init(name: "eth9")]
        }
        #expect(second.standardOutput == "1\n", "\(second.standardError)")
    }

    /// One that is not there, one that cannot move, and a name that is taken: the launch fails, and the host keeps its interface.
    @Test(arguments: [("ckX", "eth0", 19), ("ckbridge", "eth0", 22), ("ckA", "lo2", 17)])
    func failures(_ name: String, _ newName: String, _ errno: Int) async throws {
        let joined = try ChildProcess(Command(["unshare", "--net", "sh", "-c", "ip link add lo2 type veth peer name x; sleep 30"]))
        defer { joined.stop() }
        for _ in 0..<200 where !((try? Files.text(FilePath("/proc/\(joined.pid)/net/dev")))?.contains("lo2") ?? false) { usleep(10_000) }
        let result = try await run(
            "true", before: Self.host + "ip link add ckbridge type bridge;", after: "ip -o link show \(name) | cut -d: -f2"
        ) {
            $0.linux?.namespaces?.removeAll { $0.type == .network }
            $0.linux?.namespaces?.append(.init(type: .network, path: "/proc/\(joined.pid)/ns/net"))
            $0.linux?.netDevices = [name: .init(name: newName)]
        }
        #expect(result.status == 125 && result.standardError.hasPrefix("failure netDevice 0 \(errno) 0\n"), "\(result.standardError)")
        if name != "ckX" { #expect(result.standardOutput.hasPrefix(" \(name)"), "\(result.standardOutput)") }
    }
}
