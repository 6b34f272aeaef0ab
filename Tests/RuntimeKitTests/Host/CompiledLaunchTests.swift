import BundleKit
import OCIModel
import SystemPackage
import TestSupport
import Testing

@testable import RuntimeKit

/// Compiled plans, carried out: what the configuration says is what a program inside sees.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct CompiledLaunchTests {
    private func run(
        on host: CgroupHost = .detect(), _ script: String, _ change: (inout RuntimeConfiguration) -> Void = { _ in }
    ) async throws -> Command.Result {
        try await CompiledLaunch.run(on: host, script, change)
    }

    @Test func theDefaultFileSystemIsThere() async throws {
        let result = try await run(
            """
            set -e
            cat /proc/sys/kernel/hostname
            for d in null zero full random urandom tty; do [ -c /dev/$d ]; done
            readlink /dev/fd; readlink /dev/stdout; readlink /dev/ptmx
            : > /dev/null; head -c 2 /dev/zero | wc -c
            : > /dev/shm/file
            grep -c ' /dev/mqueue ' /proc/mounts
            if cat /proc/kcore > /dev/null 2>&1 && [ -s /proc/kcore ]; then echo readable; fi
            if echo 1 2> /dev/null > /proc/sys/kernel/msgmax; then echo writable; fi
            if mkdir /sys/x 2> /dev/null; then echo writable; fi
            cat /proc/self/cgroup | grep -v ':/$' | grep -E ':(memory|pids|devices):|^0:' || true
            ls /sys/fs/cgroup | tr '\\n' ' '
            """)
        #expect(result.status == 0, "\(result.standardError)")
        let lines = result.standardOutput.split(separator: "\n").map(String.init)
        #expect(lines.prefix(6) == ["inside", "/proc/self/fd", "/proc/self/fd/1", "pts/ptmx", "2", "1"], "\(lines)")
        #expect(lines.count == 7, "\(lines)")
        let entries = Set((lines.last ?? "").split(separator: " ").map(String.init))
        if CgroupHost.detect().mode == .hybrid { #expect(entries == ["memory", "pids", "devices", "unified"]) }
        if CgroupHost.detect().mode == .unified { #expect(entries.contains("memory.max")) }
    }

    @Test func limitsHoldInside() async throws {
        let result = try await run("ulimit -n; cat /proc/self/oom_score_adj; grep -E 'NoNewPrivs|CapBnd|Seccomp:' /proc/self/status; umask")
        {
            $0.process?.rlimits = [.init(type: "RLIMIT_NOFILE", soft: 99, hard: 100)]
            $0.process?.oomScoreAdj = 77
            $0.process?.user?.umask = 0o027
            $0.process?.capabilities = .init(bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"])
            $0.linux?.seccomp = DefaultSeccompProfile.configuration(capabilities: ["CAP_CHOWN"])
        }
        #expect(result.status == 0, "\(result.standardError)")
        let output = result.standardOutput.replacing("\t", with: " ")
        #expect(output.hasPrefix("99\n77\n"), "\(output)")
        for line in ["CapBnd: 0000000000000001", "NoNewPrivs: 1", "Seccomp: 2", "0027"] { #expect(output.contains(line), "\(output)") }
    }

    /// On a hybrid host the version 2 tree alone serves as a host of version 2: the kernel loads the program and asks it.
    @Test func theDeviceProgramIsLoadedAndAsked() async throws {
        let all = CgroupHost.detect()
        let unified = CgroupHost(hierarchies: all.hierarchies.filter(\.isUnified))
        try #require(unified.mode == .unified)
        let script = """
            for d in null tty0 probe; do
                [ $d = null ] || mknod /dev/$d c $([ $d = tty0 ] && echo 4 0 || echo 10 200) || echo "no mknod"
                (: < /dev/$d) 2>&1 | grep -q 'not permitted' && echo "$d refused" || echo "$d open"
            done
            """
        let result = try await run(on: unified, script) {
            $0.process?.capabilities = .init(bounding: ["CAP_MKNOD"], effective: ["CAP_MKNOD"], permitted: ["CAP_MKNOD"])
            $0.mounts?.removeAll { $0.destination == "/sys/fs/cgroup" }
            $0.linux?.resources = .init(devices: [.init(allow: false), .init(allow: true, type: "c", major: 10, minor: 200)])
        }
        #expect(result.standardOutput == "null open\ntty0 refused\nprobe open\n", "\(result.standardOutput) \(result.standardError)")
    }

    @Test func aReadOnlyRootStaysWritableWhereATmpfsIs() async throws {
        let result = try await run("touch /file 2> /dev/null || echo refused; touch /tmp/file && echo made; pwd") {
            $0.root?.readonly = true
            $0.process?.cwd = "/made/on/the/way"
            $0.mounts?.append(.init(destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"]))
        }
        #expect(result.standardOutput == "refused\nmade\n/made/on/the/way\n", "\(result.standardError)")
    }

    @Test func bindMountsKeepTheirAttributes() async throws {
        try await TestDirectory.with { directory in
            let result = try await run("touch /data/file 2> /dev/null || echo refused; grep ' /data ' /proc/mounts | cut -d ' ' -f 4") {
                $0.mounts?.append(
                    .init(destination: "/data", type: "bind", source: directory.string, options: ["rbind", "ro", "nosuid", "rnoexec"]))
            }
            let lines = result.standardOutput.split(separator: "\n")
            #expect(lines.first == "refused", "\(result.standardError)")
            let attributes = Set((lines.last ?? "").split(separator: ","))
            #expect(attributes.isSuperset(of: ["ro", "nosuid", "noexec"]), "\(attributes)")
        }
    }

    @Test func sysctlsAreWrittenBeforeTheirPathsAreReadOnly() async throws {
        let result = try await run("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax") {
            $0.linux?.sysctl = ["net.ipv4.ip_default_ttl": "33", "kernel.msgmax": "4242"]
        }
        #expect(result.standardOutput == "33\n4242\n", "\(result.standardError)")
    }

    @Test func aFailureIsTranslatedWithItsPlan() async throws {
        let missing = try await run("true") { $0.process?.args = ["/no/such/program"] }
        #expect(missing.status != 0)
        #expect(missing.standardError.contains("failure exec") || missing.standardError.contains("failure executable"))
    }
}
