import OCIModel
import RuntimeChild
import RuntimeKit
import SystemPackage
import Testing

/// What nothing here enforces, and what makes no sense, is refused by name before anything is made.
@Suite("Configurations that are refused")
struct RefusedConfigurationTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        var field: String
        var code: RuntimeError.Code
        var change: @Sendable (inout RuntimeConfiguration) -> Void
        var testDescription: String { field }
    }

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

    static let hook = RuntimeConfiguration.Hook(path: "/bin/true")

    static let unsupported: [Refusal] = [
        .init(field: "ociVersion", code: .unsupportedField) { $0.ociVersion = "2.0.0" },
        .init(field: "hooks.prestart", code: .unsupportedField) { $0.hooks = .init(prestart: [hook]) },
        .init(field: "hooks.createRuntime", code: .unsupportedField) { $0.hooks = .init(createRuntime: [hook]) },
        .init(field: "hooks.createContainer", code: .unsupportedField) { $0.hooks = .init(createContainer: [hook]) },
        .init(field: "hooks.startContainer", code: .unsupportedField) { $0.hooks = .init(startContainer: [hook]) },
        .init(field: "hooks.poststart", code: .unsupportedField) { $0.hooks = .init(poststart: [hook]) },
        .init(field: "hooks.poststop", code: .unsupportedField) { $0.hooks = .init(poststop: [hook]) },
        .init(field: "linux.netDevices", code: .unsupportedField) { $0.linux?.netDevices = ["eth0": .init()] },
        .init(field: "linux.intelRdt", code: .unsupportedField) { $0.linux?.intelRdt = .init() },
        .init(field: "linux.memoryPolicy", code: .unsupportedField) { $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND") },
        .init(field: "linux.mountLabel", code: .unsupportedField) { $0.linux?.mountLabel = "system_u" },
        .init(field: "linux.resources.network.classID", code: .unsupportedField) {
            $0.linux?.resources = .init(network: .init(classID: 1))
        },
        .init(field: "process.user.username", code: .unsupportedField) { $0.process?.user?.username = "root" },
    ]

    static let invalid: [Refusal] = [
        .init(field: "process", code: .invalidField) { $0.process = nil },
        .init(field: "process.args", code: .invalidField) { $0.process?.args = [] },
        .init(field: "process.args[1]", code: .invalidField) { $0.process?.args = ["/bin/true", "a\0b"] },
        .init(field: "process.oomScoreAdj", code: .invalidField) { $0.process?.oomScoreAdj = 1001 },
        .init(field: "process.capabilities.bounding[0]", code: .invalidField) {
            $0.process?.capabilities = .init(bounding: ["CAP_NO_SUCH"])
        },
        .init(field: "process.capabilities.effective", code: .invalidField) {
            $0.process?.capabilities = .init(effective: ["CAP_CHOWN"])
        },
        .init(field: "process.capabilities.ambient", code: .invalidField) {
            $0.process?.capabilities = .init(permitted: ["CAP_CHOWN"], ambient: ["CAP_CHOWN"])
        },
        .init(field: "hostname", code: .invalidField) { $0.hostname = String(repeating: "a", count: 65) },
        .init(field: "hostname", code: .invalidField) { $0.linux?.namespaces = [.init(type: .mount), .init(type: .pid)] },
        .init(field: "linux.maskedPaths[0]", code: .invalidField) { $0.linux?.maskedPaths = ["/"] },
        .init(field: "linux.rootfsPropagation", code: .invalidField) { $0.linux?.rootfsPropagation = "sideways" },
    ]

    @Test(arguments: unsupported + invalid)
    func refused(_ refusal: Refusal) throws {
        var configuration = Self.configuration()
        refusal.change(&configuration)
        do {
            _ = try Self.compile(configuration)
            Issue.record("\(refusal.field) was accepted")
        } catch let error as RuntimeError {
            #expect(error.code == refusal.code)
            #expect(error.subject == .field(refusal.field))
            #expect(error.description.contains(refusal.field))
        }
    }

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
