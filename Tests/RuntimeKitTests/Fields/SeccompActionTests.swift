import OCIModel
import TestSupport
import Testing

@testable import RuntimeKit

/// What each action does to a program inside.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct SeccompActionTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var action: RuntimeConfiguration.SeccompAction
        var data: UInt32?
        var status: Int
        var error: String
        var testDescription: String { action.rawValue }
    }

    /// 128 + SIGSYS for those that end the process; without a tracer TRACE fails with ENOSYS.
    @Test(arguments: [
        Example(action: .errno, data: nil, status: 1, error: "Operation not permitted"),
        Example(action: .errno, data: 17, status: 1, error: "File exists"),
        Example(action: .trace, data: 1, status: 1, error: "Function not implemented"),
        Example(action: .allow, status: 0, error: ""), Example(action: .log, status: 0, error: ""),
        Example(action: .kill, status: 159, error: ""), Example(action: .killThread, status: 159, error: ""),
        Example(action: .killProcess, status: 159, error: ""), Example(action: .trap, status: 159, error: ""),
    ])
    func isTaken(_ example: Example) async throws {
        let result = try await CompiledLaunch.run("mkdir /new; echo $?") {
            $0.linux?.seccomp = .init(
                defaultAction: example.action == .allow ? .log : .allow,
                syscalls: [.init(names: ["mkdir", "mkdirat"], action: example.action, errnoRet: example.data)])
        }
        #expect(result.standardOutput == "\(example.status)\n", "\(result.standardError)")
        #expect(result.standardError.contains(example.error), "\(result.standardError)")
    }

    @Test func theDefaultHasAnErrnoOfItsOwn() async throws {
        let result = try await CompiledLaunch.run("mkdir /new") {
            var profile = RuntimeConfiguration.Seccomp(defaultAction: .allow)
            profile.syscalls = [.init(names: ["mkdir", "mkdirat"], action: .errno, errnoRet: 13)]
            $0.linux?.seccomp = profile
        }
        #expect(result.standardError.contains("Permission denied"))
        let filter = try SeccompCompiler.compile(
            .init(defaultAction: .errno, defaultErrnoRet: 13, syscalls: [.init(names: ["close"], action: .allow)]))
        let machine = ClassicMachine(filter)
        let native = FilterArchitecture.native
        #expect(machine.result(number: try #require(native.number(of: "close")), architecture: native.token) == 0x7fff_0000)
        #expect(machine.result(number: try #require(native.number(of: "read")), architecture: native.token) == 0x0005_000d)
    }
}
