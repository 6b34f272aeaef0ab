import OCIModel
import RuntimeChild
import RuntimeKit
import SystemPackage
import Testing

/// Limits and parameters that this machine cannot give; the table of all other fields is in `RefusedFieldTests`.
@Suite("Configurations that are refused")
struct RefusedConfigurationTests {
    static let compiler: PlanCompiler = {
        let host = CgroupHost.detect()
        return PlanCompiler(features: .detect(cgroups: host), cgroups: host, seccomp: SeccompCache(directory: nil))
    }()

    static func configuration() -> RuntimeConfiguration {
        RuntimeConfiguration(
            root: .init(path: "/"), process: .init(user: .init(uid: 0, gid: 0), args: ["/bin/true"], cwd: "/"), hostname: "name",
            linux: .init(namespaces: [.init(type: .mount), .init(type: .pid), .init(type: .uts)]))
    }

    static func compile(_ configuration: RuntimeConfiguration) throws -> LaunchPlan {
        let id = try #require(ContainerID("refused"))
        return try compiler.compile(configuration, container: id, root: .directory("/"), cgroupParent: nil)
    }

    @Test func theBaseIsAccepted() throws { _ = try Self.compile(Self.configuration()) }

    @Test(arguments: [("RLIMIT_NO_SUCH", 1, 1), ("RLIMIT_NOFILE", 2, 1)] as [(String, UInt64, UInt64)])
    func limits(_ type: String, _ soft: UInt64, _ hard: UInt64) throws {
        var configuration = Self.configuration()
        configuration.process?.rlimits = [.init(type: type, soft: soft, hard: hard)]
        let error = #expect(throws: RuntimeError.self) { try Self.compile(configuration) }
        #expect(error?.code == .invalidField)
        #expect(error?.description.contains("process.rlimits[0]") == true)
    }

    /// Parameters of the host, of a namespace that is shared, of another member, and names that leave /proc/sys.
    @Test(arguments: ["vm.swappiness", "net.ipv4.ip_forward", "kernel.hostname", "net/../vm/swappiness", "kernel.shmmax", "net..x"])
    func parameters(_ name: String) throws {
        var configuration = Self.configuration()
        configuration.linux?.sysctl = [name: "1"]
        configuration.mounts = [.init(destination: "/proc", type: "proc", source: "proc")]
        let error = #expect(throws: RuntimeError.self) { try Self.compile(configuration) }
        #expect(error?.code == .invalidField)
        #expect(error?.subject == .field("linux.sysctl[\(name)]"))
    }

    @Test func limitsWithoutCgroup() throws {
        var configuration = Self.configuration()
        configuration.linux?.resources = .init(pids: .init(limit: 5))
        let error = #expect(throws: RuntimeError.self) { try Self.compile(configuration) }
        #expect(error?.code == .hostLacksFeature)
    }
}
