import OCIModel
import RuntimeChild
import Testing

@testable import RuntimeKit

/// Properties of the process that this machine may lack, or that only an exec has: as they are compiled.
@Suite struct ProcessPlanTests {
    private func plan(_ change: (inout RuntimeConfiguration) -> Void) throws -> ProcessPlan { try Configurations.compile(change).process }

    @Test func realTimeAndDeadlines() throws {
        let fifo = try plan {
            $0.process?.scheduler = .init(policy: "SCHED_FIFO", priority: 10, flags: ["SCHED_FLAG_RESET_ON_FORK"])
        }.scheduler
        #expect(fifo?.policy == 1 && fifo?.priority == 10 && fifo?.flags == 1)
        let deadline = try plan {
            $0.process?.scheduler = .init(policy: "SCHED_DEADLINE", runtime: 2000, deadline: 3000, period: 4000)
        }.scheduler
        #expect(deadline?.policy == 6 && deadline?.runtime == 2000 && deadline?.deadline == 3000 && deadline?.period == 4000)
    }

    @Test func labels() throws {
        let plan = try Configurations.compile {
            $0.process?.apparmorProfile = "profile"
            $0.process?.selinuxLabel = "process_u:r:t:s0"
            $0.linux?.mountLabel = "mount_u:r:t:s0"
        }
        #expect(plan.process.apparmorProfile == "profile")
        #expect(plan.process.selinuxLabel == "process_u:r:t:s0")
        let label = MountOption("context", "mount_u:r:t:s0")
        let labelled = plan.trees.filter {
            if case .fileSystem(_, _, let options, _) = $0 { options.contains(label) } else { false }
        }
        #expect(labelled.count == 3, "/dev, /dev/pts, /dev/shm")
    }

    @Test func processorsOfAnExec() throws {
        let configuration = Configurations.minimal
        var process = try #require(configuration.process)
        let compiler = PlanCompiler(
            features: Configurations.features, cgroups: Configurations.unified, seccomp: SeccompCache(directory: nil))
        process.execCPUAffinity = .init(initial: "0", final: "1-2")
        #expect(try compiler.compile(exec: process, in: configuration).process.cpuAffinity == "1-2")
        process.execCPUAffinity = .init(initial: "0")
        #expect(try compiler.compile(exec: process, in: configuration).process.cpuAffinity == "0")
        // It is of further processes only.
        #expect(try plan { $0.process?.execCPUAffinity = .init(final: "1") }.cpuAffinity == nil)
    }

    @Test func flagsAndDataOfAFilter() throws {
        let process = try plan {
            $0.linux?.seccomp = .init(
                defaultAction: .allow, flags: ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],
                listenerPath: "/run/s", syscalls: [.init(names: ["mkdir"], action: .notify)])
        }
        #expect(process.seccompFlags == 34)
        #expect(process.listener?.path == "/run/s")
        let exec = try PlanCompiler(
            features: Configurations.features, cgroups: Configurations.unified, seccomp: SeccompCache(directory: nil)
        ).compile(
            exec: .init(args: ["true"], cwd: "/"),
            in: .init(
                linux: .init(
                    seccomp: .init(
                        defaultAction: .allow, listenerPath: "/run/s", syscalls: [.init(names: ["mkdir"], action: .notify)]))),
            of: ContainerID("one"))
        #expect(exec.process.listener?.state.joined(separator: "5").contains(#""id":"one","status":"running""#) == true)
    }
}
