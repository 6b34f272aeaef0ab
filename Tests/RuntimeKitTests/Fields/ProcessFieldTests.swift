import Glibc
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Properties of the process, seen from inside.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ProcessFieldTests {
    /// HOME is the image's word on its user, `/` without one, and the configuration's where it has one.
    @Test(arguments: [
        ("0", [String](), "/root"), ("4242", [], "/"), ("7", [], "/seven"), ("8", [], "/"), ("7", ["HOME=/mine"], "/mine"),
    ])
    func home(_ uid: String, _ environment: [String], _ expected: String) async throws {
        let result = try await CompiledLaunch.run("echo $HOME") {
            $0.process?.user = .init(uid: UInt32(uid) ?? 0, gid: 0)
            $0.process?.env = ["PATH=/bin"] + environment
        } prepare: { root in
            try Files.write(
                "root:x:0:0:root:/root:/bin/sh\nseven:x:7:7::/seven:\neight:x:8:8::relative:\n", to: root.appending("etc/passwd"))
        }
        #expect(result.standardOutput == expected + "\n", "\(result.standardError)")
    }

    /// A named pipe of the image in its place makes nobody wait.
    @Test func homeOfAPipe() async throws {
        let result = try await CompiledLaunch.run("echo $HOME") { _ in
        } prepare: { root in
            unlink(root.appending("etc/passwd").string)
            #expect(mkfifo(root.appending("etc/passwd").string, 0o666) == 0)
        }
        #expect(result.standardOutput == "/\n", "\(result.standardError)")
    }

    @Test(.enabled(if: Files.exists("/proc/self/numa_maps"), "the kernel has no NUMA"))
    func theMemoryPolicyIsSet() async throws {
        let result = try await CompiledLaunch.run("head -1 /proc/self/numa_maps | cut -d ' ' -f 2") {
            $0.linux?.memoryPolicy = .init(mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"])
        }
        #expect(result.standardOutput == "bind=static:0\n", "\(result.standardOutput) \(result.standardError)")
    }

    @Test func theExecutionDomainIsSet() async throws {
        let result = try await CompiledLaunch.run("uname -m") { $0.linux?.personality = .init(domain: "LINUX32") }
        #expect(["i686\n", "armv8l\n"].contains(result.standardOutput), "\(result.standardError)")
    }

    /// Fields 19 (nice) and 41 (policy) of man 5 proc_pid_stat.
    @Test func theSchedulerIsSet() async throws {
        let result = try await CompiledLaunch.run("cut -d ' ' -f 19,41 /proc/self/stat") {
            $0.process?.scheduler = .init(policy: "SCHED_BATCH", nice: 5)
        }
        #expect(result.standardOutput == "5 3\n", "\(result.standardError)")
    }

    @Test func theIOPriorityIsSet() async throws {
        let result = try await CompiledLaunch.run("ionice -p $$") {
            $0.process?.ioPriority = .init(class: "IOPRIO_CLASS_BE", priority: 6)
        }
        #expect(result.standardOutput == "best-effort: prio 6\n", "\(result.standardOutput) \(result.standardError)")
    }

    @Test func theClocksAreShifted() async throws {
        let result = try await CompiledLaunch.run("cut -d . -f 1 /proc/uptime; cat /proc/self/timens_offsets | tr -s ' '") {
            $0.linux?.namespaces?.append(.init(type: .time))
            $0.linux?.timeOffsets = .init(monotonic: .init(secs: 7, nanosecs: 5), boottime: .init(secs: 100_000_000))
        }
        let lines = result.standardOutput.split(separator: "\n")
        #expect(Int(lines.first ?? "").map { $0 > 100_000_000 } == true, "\(lines) \(result.standardError)")
    }

    @Test func namesAndLimits() async throws {
        let result = try await CompiledLaunch.run(
            "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname /proc/self/oom_score_adj; umask; ulimit -n; id -G"
        ) {
            $0.domainname = "example"
            $0.process?.oomScoreAdj = 321
            $0.process?.user = .init(uid: 0, gid: 5, umask: 0o077, additionalGids: [6, 7])
            $0.process?.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 77, hard: 78)]
        }
        #expect(result.standardOutput == "inside\nexample\n321\n0077\n77\n5 6 7\n", "\(result.standardError)")
    }

    /// A namespace of another process is joined.
    @Test func aNamespaceIsJoined() async throws {
        let holder = try ChildProcess(Command(["unshare", "--uts", "sh", "-c", "hostname joined; exec sleep 20"]))
        defer { holder.stop() }
        var result: Command.Result?
        for _ in 0..<40 {
            usleep(50_000)
            result = try await CompiledLaunch.run("cat /proc/sys/kernel/hostname") {
                $0.hostname = nil
                $0.linux?.namespaces?.removeAll { $0.type == .uts }
                $0.linux?.namespaces?.append(.init(type: .uts, path: "/proc/\(holder.pid)/ns/uts"))
            }
            if result?.standardOutput == "joined\n" { break }
        }
        #expect(result?.standardOutput == "joined\n", "\(result?.standardError ?? "")")
    }

    @Test func devicesAreMade() async throws {
        let result = try await CompiledLaunch.run("stat -c '%F %t:%T %a %u:%g' /dev/mine /dev/deep/pipe") {
            $0.linux?.devices = [
                .init(type: "c", path: "/dev/mine", major: 1, minor: 3, fileMode: 0o640, uid: 7, gid: 8),
                .init(type: "p", path: "/dev/deep/pipe", fileMode: 0o600),
            ]
        }
        #expect(result.standardOutput == "character special file 1:3 640 7:8\nfifo 0:0 600 0:0\n", "\(result.standardError)")
    }

    @Test func capabilitiesAreExactlyThose() async throws {
        let result = try await CompiledLaunch.run("grep Cap /proc/self/status | tr -d '\\t' | tr '\\n' ' '") {
            $0.process?.noNewPrivileges = false
            $0.process?.user = .init(uid: 9, gid: 9)
            $0.process?.capabilities = .init(
                bounding: ["CAP_CHOWN", "CAP_KILL"], effective: ["CAP_CHOWN"], inheritable: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"],
                ambient: ["CAP_CHOWN"])
        }
        let one = "0000000000000001"
        #expect(
            result.standardOutput == "CapInh:\(one) CapPrm:\(one) CapEff:\(one) CapBnd:0000000000000021 CapAmb:\(one) ",
            "\(result.standardError)")
    }
}
