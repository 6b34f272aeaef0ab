import FoundationEssentials
import LinuxSystem
import OCIModel
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// What reads the words of others neither traps nor hangs, whatever they are: configurations from bundles, and plans of further processes.
/// (Plans of containers: `ChildCodingTests`.) The seeds are fixed, so a failure can be repeated.
@Suite struct ConfigurationFuzzTests {
    /// The specification's examples, and one of our own with most fields.
    private static let corpus: [[UInt8]] = {
        let examples = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .appending("OCIModelTests/Schemas/runtime-spec/test/config/good")
        let files = (Files.names(in: examples) ?? []).compactMap { try? Files.read(examples.appending($0)) }
        // Several times what compiles as it is.
        let minimal = (try? JSONEncoder().encode(Configurations.minimal)).map { Array($0) } ?? []
        return files + [minimal, minimal, minimal, minimal] + [
            Array(
                #"""
                {"ociVersion":"1.3.0","hostname":"a","root":{"path":"r"},"process":{"args":["a"],"cwd":"/","env":["A=b"],"user":{"uid":1,"gid":2,
                "umask":18,"additionalGids":[3]},"rlimits":[{"type":"RLIMIT_NOFILE","soft":1,"hard":18446744073709551615}],"oomScoreAdj":-1000,
                "scheduler":{"policy":"SCHED_DEADLINE","runtime":1,"deadline":2,"period":3},"ioPriority":{"class":"IOPRIO_CLASS_BE","priority":7},
                "execCPUAffinity":{"initial":"0-1","final":"1"}},"linux":{"namespaces":[{"type":"mount"},{"type":"user"},{"type":"network"},
                {"type":"time"}],"uidMappings":[{"containerID":0,"hostID":1,"size":4294967295}],"gidMappings":[{"containerID":0,"hostID":1,
                "size":1}],"timeOffsets":{"monotonic":{"secs":-9223372036854775808,"nanosecs":999999999}},"netDevices":{"a":{"name":"b"}},
                "memoryPolicy":{"mode":"MPOL_BIND","nodes":"0-3,7","flags":["MPOL_F_STATIC_NODES"]},"resources":{"memory":{"limit":
                9223372036854775807,"swap":-1},"cpu":{"quota":-1,"period":100000,"cpus":"0-8191"},"hugepageLimits":[{"pageSize":"2MB",
                "limit":18446744073709551615}],"unified":{"memory.high":"1"},"devices":[{"allow":true,"type":"c","major":-1,"minor":4294967295,
                "access":"rwm"}]},"personality":{"domain":"LINUX32"}},"mounts":[{"destination":"/d","type":"tmpfs","options":["size=1k","rro",
                "mode=0777","tmpcopyup"]},{"destination":"/b","source":"/","options":["rbind","idmap","ro"],"uidMappings":[{"containerID":0,
                "hostID":0,"size":1}],"gidMappings":[{"containerID":0,"hostID":0,"size":1}]}]}
                """#.utf8)
        ]
    }()

    /// Words that break readers of numbers, strings and nesting.
    private static let words: [[UInt8]] = [
        "0", "-1", "-0", "1e400", "1e-400", "4294967295", "4294967296", "18446744073709551616", "-9223372036854775809", "1.5", "null",
        "true",
        "[]", "{}", "\"\"", "\"\\u0000\"", "\"\\ud800\"", "\"/..\"", "\"/\"", "\"0-\"", "\"0-99999999999999999999\"", "[[[[[[[[[[",
        "{\"a\":",
        "\u{0}", "\u{feff}", ",", "]", "}",
    ].map { Array($0.utf8) }

    private static func mutate(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<9, using: &random) {
            case 0: bytes[start] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(start..<min(bytes.count, start + Int.random(in: 1...40, using: &random)))
            case 2: bytes.insert(contentsOf: bytes[start..<min(bytes.count, start + Int.random(in: 1...200, using: &random))], at: start)
            case 3: bytes.removeLast(bytes.count - start)
            case 4, 5:
                // Another number.
                guard let digit = bytes[start...].firstIndex(where: { (0x30...0x39).contains($0) }) else { break }
                bytes[digit] = UInt8.random(in: 0x30...0x39, using: &random)
            default:
                // A value by a word.
                guard let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":")) else { break }
                let ends = Set(",]}".utf8)
                let end = bytes[(colon + 1)...].firstIndex { ends.contains($0) } ?? bytes.count
                bytes.replaceSubrange((colon + 1)..<end, with: words.randomElement(using: &random) ?? [])
            }
        }
        return bytes
    }

    @Test(arguments: [UInt64(1), 2, 3, 4]) func configurations(_ seed: UInt64) throws {
        var random = SeededGenerator(seed)
        var read = 0
        var compiled = 0
        let clock = ContinuousClock()
        for _ in 0..<1500 {
            let bytes = Self.mutate(Self.corpus.randomElement(using: &random) ?? [], &random)
            var configuration: RuntimeConfiguration?
            let time = clock.measure {
                configuration = try? BundleConfiguration.decode(RuntimeConfiguration.self, bytes, of: "config.json")
            }
            #expect(time < .seconds(5), "\(String(decoding: bytes, as: UTF8.self))")
            guard var configuration else { continue }
            read += 1
            // Compiling a filter takes milliseconds, and has its own tests.
            configuration.linux?.seccomp = nil
            for host in [Configurations.unified, Configurations.hybrid] {
                guard let plan = try? Configurations.compile(configuration, on: host) else { continue }
                compiled += 1
                #expect(try LaunchPlan(decoding: plan.encode()) == plan)
            }
        }
        #expect(read > 200 && compiled > 50, "the mutations leave nothing to be read: \(read), \(compiled)")
    }

    @Test(arguments: [UInt64(1), 2, 3]) func plansOfFurtherProcesses(_ seed: UInt64) throws {
        var random = SeededGenerator(seed)
        let bytes = ExecPlan(process: ChildPlans.everything().process).encode()
        for length in 0..<bytes.count { #expect(throws: FrameError.self) { try ExecPlan(decoding: Array(bytes[..<length])) } }
        for _ in 0..<5000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutated[Int.random(in: 0..<mutated.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let plan = try? ExecPlan(decoding: mutated) else { continue }
            #expect(try ExecPlan(decoding: plan.encode()) == plan)
        }
    }
}
