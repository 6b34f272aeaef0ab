import OCIModel
import Testing

@testable import RuntimeKit

@Suite struct ProcessTextTests {
    /// A command that reads the text gets the process that was written.
    @Test func isReadBack() throws {
        let sets = ["CAP_KILL", "CAP_CHOWN"]
        var process = RuntimeConfiguration.Process(args: ["a b", "\"", "\n\u{1}ü"], env: ["A=1"], cwd: "/x")
        process.terminal = true
        process.consoleSize = .init(height: 20, width: 70)
        process.user = .init(uid: 4_294_967_294, gid: 2, umask: 0o22, additionalGids: [3, 4])
        process.capabilities = .init(bounding: sets, effective: sets, inheritable: [], permitted: sets, ambient: sets)
        process.rlimits = [.init(type: "RLIMIT_CORE", soft: 0, hard: UInt64.max)]
        process.noNewPrivileges = true
        process.oomScoreAdj = -5
        process.apparmorProfile = "profile"
        process.selinuxLabel = "a:b:c"
        process.scheduler = .init(
            policy: "SCHED_DEADLINE", nice: -2, priority: 3, flags: ["SCHED_FLAG_RECLAIM"], runtime: 10, deadline: 20, period: 30)
        process.ioPriority = .init(class: "IOPRIO_CLASS_BE", priority: 4)
        process.execCPUAffinity = .init(initial: "0", final: "0-1")
        #expect(try CommandRuntime.process(readingJSON: Array(ProcessText.json(process).utf8)) == process)
        let least = RuntimeConfiguration.Process(args: nil, env: nil, cwd: "/")
        #expect(try CommandRuntime.process(readingJSON: Array(ProcessText.json(least).utf8)) == least)
    }
}
