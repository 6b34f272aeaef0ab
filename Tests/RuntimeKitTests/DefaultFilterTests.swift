#if arch(x86_64)
import BundleKit
import CSeccomp
import Glibc
import OCIModel
import RuntimeChild
import RuntimeKit
import SystemPackage
import Testing

/// Docker's default profile, compiled and interpreted for every system call.
@Suite("The filter of Docker's default profile")
struct DefaultFilterTests {
    private static let architecture: UInt32 = 0xc000_003e
    private static let allow: UInt32 = 0x7fff_0000
    private static let errorMask: UInt32 = 0xffff_0000
    private static let errorAction: UInt32 = 0x0005_0000

    private func filter(_ profile: RuntimeConfiguration.Seccomp, _ cache: SeccompCache) throws -> ClassicMachine {
        let host = CgroupHost.detect()
        let compiler = PlanCompiler(features: .detect(cgroups: host), cgroups: host, seccomp: cache)
        var configuration = RefusedConfigurationTests.configuration()
        configuration.linux?.seccomp = profile
        let id = try #require(ContainerID("filter"))
        let plan = try compiler.compile(configuration, container: id, root: .directory("/"), cgroupParent: nil)
        return ClassicMachine(plan.process.seccompProgram)
    }

    private func name(_ number: UInt32) -> String? {
        guard let name = seccomp_syscall_resolve_num_arch(Self.architecture, Int32(number)) else { return nil }
        defer { free(name) }
        return String(cString: name)
    }

    @Test func everyNumber() throws {
        let profile = DefaultSeccompProfile.configuration(capabilities: ["CAP_CHOWN"])
        let filter = try filter(profile, SeccompCache(directory: nil))
        let rules = profile.syscalls ?? []
        let plain = Set(rules.filter { $0.action == .allow && ($0.args ?? []).isEmpty }.flatMap(\.names))
        let conditional = Set(rules.filter { !($0.args ?? []).isEmpty }.flatMap(\.names))
        var allowed = 0
        var refused = 0
        for number in 0..<1024 as Range<UInt32> {
            let result = try #require(filter.result(number: number, architecture: Self.architecture))
            guard let name = name(number) else {
                #expect(result & Self.errorMask == Self.errorAction, "number \(number) has no name")
                continue
            }
            if plain.contains(name) {
                #expect(result == Self.allow, "\(name)")
                allowed += 1
            } else if !conditional.contains(name) {
                #expect(result & Self.errorMask == Self.errorAction, "\(name)")
                refused += 1
            }
        }
        #expect(allowed > 250)
        #expect(refused > 30)
    }

    /// Arguments: some personalities, no new namespaces by clone, no vsock.
    @Test func arguments() throws {
        let filter = try filter(DefaultSeccompProfile.configuration(capabilities: []), SeccompCache(directory: nil))
        func allows(_ number: Int32, _ arguments: UInt64...) -> Bool {
            filter.result(number: UInt32(number), architecture: Self.architecture, arguments: arguments) == Self.allow
        }
        #expect(allows(135, 0) && allows(135, 8) && allows(135, 0xffff_ffff) && !allows(135, 4))
        #expect(allows(56, 0x11) && !allows(56, 0x1000_0000) && !allows(56, 0x0002_0000))
        #expect(allows(41, 2) && allows(41, 1) && !allows(41, 40))
        #expect(filter.result(number: 435, architecture: Self.architecture) == Self.errorAction | UInt32(ENOSYS))
    }

    /// A call by the table of another architecture is not taken for one of this.
    @Test func otherArchitectures() throws {
        let filter = try filter(DefaultSeccompProfile.configuration(capabilities: []), SeccompCache(directory: nil))
        #expect(filter.result(number: 0, architecture: 0xc000_00b7) != Self.allow)
    }

    @Test func theSecondIsFromTheCache() throws {
        let cache = SeccompCache(directory: nil)
        _ = try filter(DefaultSeccompProfile.configuration(capabilities: []), cache)
        _ = try filter(DefaultSeccompProfile.configuration(capabilities: []), cache)
        #expect(cache.compilations == 1)
        _ = try filter(DefaultSeccompProfile.configuration(capabilities: ["CAP_SYS_ADMIN"]), cache)
        #expect(cache.compilations == 2)
    }
}
#endif
