import BundleKit
import OCIModel
import Testing

@testable import RuntimeKit

/// The compiled filter against the profile's own meaning, call by call.
@Suite struct SeccompFilterTests {
    typealias Seccomp = RuntimeConfiguration.Seccomp
    typealias Rule = RuntimeConfiguration.SeccompRule
    typealias Argument = RuntimeConfiguration.SeccompArgument

    static let allow: UInt32 = 0x7fff_0000
    static let noSuchCall: UInt32 = 0x0005_0000 | 38
    static let notPermitted: UInt32 = 0x0005_0000 | 1

    private static let multiplexed = Set([102, 117, 337, 345] + Array(UInt32(359)...373) + Array(393...402))

    static var docker: Seccomp {
        DefaultSeccompProfile.configuration(capabilities: [
            "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
            "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
        ])
    }

    /// What the profile says, read off without libseccomp.
    static func meaning(_ profile: Seccomp, of names: Set<String>, arguments: [UInt64]) -> UInt32? {
        for rule in profile.syscalls ?? [] where !names.isDisjoint(with: rule.names) {
            let conditions = rule.args ?? []
            let holds = conditions.allSatisfy { argument in
                let value = arguments[Int(argument.index)]
                return switch argument.op {
                case "SCMP_CMP_EQ": value == argument.value
                case "SCMP_CMP_NE": value != argument.value
                case "SCMP_CMP_LT": value < argument.value
                case "SCMP_CMP_LE": value <= argument.value
                case "SCMP_CMP_GT": value > argument.value
                case "SCMP_CMP_GE": value >= argument.value
                default: value & argument.value == argument.valueTwo ?? 0
                }
            }
            if holds { return SeccompNames.action(rule.action, data: rule.errnoRet) }
        }
        return nil
    }

    /// Arguments that reach both sides of each of the profile's conditions.
    static func samples(_ profile: Seccomp) -> [[UInt64]] {
        var samples: [[UInt64]] = [[0, 0, 0, 0, 0, 0], [.max, .max, .max, .max, .max, .max]]
        for argument in (profile.syscalls ?? []).flatMap({ $0.args ?? [] }) {
            for value in [argument.value, argument.value &- 1, argument.value &+ 1, argument.value | 1 << 40, argument.valueTwo ?? 0] {
                var sample: [UInt64] = [0, 0, 0, 0, 0, 0]
                sample[Int(argument.index)] = value
                samples.append(sample)
            }
        }
        return samples
    }

    @Test func everyCallIsAnsweredAsDockersProfileSays() throws {
        let profile = Self.docker
        let machine = ClassicMachine(try SeccompCompiler.compile(profile))
        #expect(machine.program.count <= 4096)
        let samples = Self.samples(profile)
        var allowed = 0
        var unknown = 0
        var most = 0
        for architecture in SeccompCompiler.architectures(of: profile) where architecture != .x32 {
            var names: [UInt32: Set<String>] = [:]
            for name in Set((profile.syscalls ?? []).flatMap(\.names)) {
                if let number = architecture.number(of: name) { names[number, default: []].insert(name) }
            }
            let last = max(architecture.lastOldCall, names.keys.max() ?? 0)
            for number in 0..<UInt32(700) {
                for arguments in samples {
                    // The compatible machines pass 32 bits.
                    let isNative = architecture == .native
                    let arguments = isNative ? arguments : arguments.map { $0 & 0xffff_ffff }
                    let expected =
                        number > last
                        ? Self.noSuchCall
                        : Self.meaning(profile, of: names[number] ?? [], arguments: arguments) ?? Self.notPermitted
                    let result = machine.run(.init(number: number, architecture: architecture.token, arguments: arguments))
                    if result?.answer != expected {
                        // On x86 socketcall(2) and ipc(2) stand for many calls, which have numbers of their own as well:
                        // libseccomp writes rules for both, and its names lead to the former only.
                        if architecture == .x86, Self.multiplexed.contains(number) { continue }
                        Issue.record("\(architecture) \(number) \(arguments): \(String(describing: result)), expected \(expected)")
                    }
                    if result?.answer == Self.allow { allowed += 1 }
                    if result?.answer == Self.noSuchCall { unknown += 1 }
                    most = max(most, result?.steps ?? 0)
                }
            }
        }
        // The comparison has seen all kinds of answers, and the tree is a tree.
        #expect(allowed > 300 * samples.count && unknown > 200)
        #expect(most < 100, "a call passes \(most) instructions")
    }

    #if arch(x86_64)
    @Test func x32CallsAreTheirOwn() throws {
        let machine = ClassicMachine(try SeccompCompiler.compile(Self.docker))
        func answer(_ number: UInt32, _ architecture: UInt32 = 0xc000_003e) -> UInt32? {
            machine.run(.init(number: number, architecture: architecture, arguments: [0, 0, 0, 0, 0, 0]))?.answer
        }
        #expect(answer(0x4000_0000) == Self.allow, "read(2) of x32")
        #expect(answer(0x4000_0000 | 600) == Self.noSuchCall)
        // Another machine's calls end the thread, or the process.
        let foreign = try #require(answer(0, 0xc000_00b7))
        #expect(foreign == 0 || foreign == 0x8000_0000)
    }

    @Test func withoutX32ItsCallsAreRefused() throws {
        let profile = Seccomp(defaultAction: .errno, syscalls: [Rule(names: ["read"], action: .allow)])
        let machine = ClassicMachine(try SeccompCompiler.compile(profile))
        let answer = machine.run(.init(number: 0x4000_0000, architecture: 0xc000_003e, arguments: [0, 0, 0, 0, 0, 0]))?.answer
        #expect(answer != Self.allow && answer != Self.noSuchCall)
    }

    @Test func oldCallsThatAreMissingKeepTheProfilesAnswer() throws {
        let profile = Seccomp(defaultAction: .errno, defaultErrnoRet: 13, syscalls: [Rule(names: ["read"], action: .allow)])
        let machine = ClassicMachine(try SeccompCompiler.compile(profile))
        func answer(_ number: UInt32) -> UInt32? {
            machine.run(.init(number: number, architecture: 0xc000_003e, arguments: [0, 0, 0, 0, 0, 0]))?.answer
        }
        #expect(answer(0) == Self.allow)
        // mount(2) is as old as Linux; statx(2) is of 4.11; clone3(2) of 5.3.
        let refused: UInt32 = 0x0005_0000 | 13
        #expect(answer(165) == refused)
        #expect(answer(332) == refused)
        #expect(answer(435) == Self.noSuchCall)
    }
    #endif

    @Test func whatAllowsByDefaultHasNoPrologue() throws {
        let profile = Seccomp(defaultAction: .allow, syscalls: [Rule(names: ["mount"], action: .errno, errnoRet: 1)])
        let machine = ClassicMachine(try SeccompCompiler.compile(profile))
        let native = FilterArchitecture.native
        let number = try #require(native.number(of: "mount"))
        let arguments: [UInt64] = [0, 0, 0, 0, 0, 0]
        #expect(machine.run(.init(number: number, architecture: native.token, arguments: arguments))?.answer == Self.notPermitted)
        #expect(machine.run(.init(number: 650, architecture: native.token, arguments: arguments))?.answer == Self.allow)
    }

    @Test func conditionsOnOneArgumentAreAlternatives() throws {
        let conditions = [Argument(index: 0, value: 3, op: "SCMP_CMP_EQ"), Argument(index: 0, value: 5, op: "SCMP_CMP_EQ")]
        let profile = Seccomp(defaultAction: .errno, syscalls: [Rule(names: ["close"], action: .allow, args: conditions)])
        let machine = ClassicMachine(try SeccompCompiler.compile(profile))
        let native = FilterArchitecture.native
        let number = try #require(native.number(of: "close"))
        let answers = (3...5).map {
            machine.run(.init(number: number, architecture: native.token, arguments: [$0, 0, 0, 0, 0, 0]))?.answer
        }
        #expect(answers == [Self.allow, Self.notPermitted, Self.allow])
    }
}
