import ContainerKit
import Foundation
import SystemPackage
import TestSupport
import Testing

/// What is inside equals Docker's defaults, seen from inside and from the host's /proc.
@Suite(.serialized, .needsRoot, .tags(.privileged), .leakChecked)
struct DefaultsTests {
    /// CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE,
    /// SETFCAP: Docker's default set.
    private static let dockerCapabilities = "00000000a80425fb"

    @Test func privilegesAndSystemCalls() async throws {
        try await EngineFixture.with { fixture in
            let status = try await fixture.engine.run(fixture.directory, ["cat", "/proc/self/status"]).standardOutput
            func field(_ name: String) -> Substring? {
                status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last
            }
            for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(field(set) == Self.dockerCapabilities[...]) }
            for set in ["CapInh", "CapAmb"] { #expect(field(set) == "0000000000000000") }
            #expect(field("NoNewPrivs") == "1")
            // A filter.
            #expect(field("Seccomp") == "2")
            #expect(field("SigBlk") == "0000000000000000")
            #expect(field("SigIgn") == "0000000000000000")
            #expect(field("Threads") == "1")
        }
    }

    @Test func nothingIsInherited() async throws {
        try await EngineFixture.with { fixture in
            let script = "ls /proc/self/fd | wc -l; env | sort; ulimit -n; cat /proc/self/oom_score_adj; cat /proc/keys | wc -l"
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script]) { $0.hostname = "box" }
            let lines = result.standardOutput.split(separator: "\n").map(String.init)
            // 0, 1, 2 and that of the directory itself.
            #expect(lines.first == "4")
            #expect(
                lines.dropFirst().prefix { $0.contains("=") }.filter { !$0.hasPrefix("SHLVL=") && !$0.hasPrefix("PWD=") } == [
                    "HOME=/root", "HOSTNAME=box", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                ])
            #expect(lines.contains("0"))
        }
    }

    @Test func maskedAndReadOnlyPaths() async throws {
        try await EngineFixture.with { fixture in
            let script = """
                for path in /proc/kcore /proc/keys /proc/timer_list; do test -s $path || [ "$(cat $path | wc -c)" = 0 ] || echo open $path; done
                ls -A /proc/acpi /proc/scsi /sys/firmware 2>/dev/null | grep -v : | grep . && echo visible
                for path in /proc/sys/kernel/domainname /proc/sysrq-trigger /sys/kernel/profiling; do
                    (echo x > $path) 2>/dev/null && echo writable $path
                done
                mount | grep -c ' on / '
                mknod /dev/sda b 8 0 2>/dev/null && cat /dev/sda 2>&1 >/dev/null | grep -c 'not permitted'
                """
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", script])
            #expect(result.standardOutput == "1\n1\n")
        }
    }

    /// Each of Docker's masked and read-only paths that this kernel has is covered, and by what covers it there.
    @Test func everyMaskedAndReadOnlyPathIsCovered() async throws {
        let masked = [
            "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
        ]
        let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        try await EngineFixture.with { fixture in
            let table = try await fixture.engine.run(fixture.directory, ["cat", "/proc/self/mountinfo"]).standardOutput
            func mount(_ path: String) -> (root: Substring, options: [Substring], type: Substring)? {
                let lines = table.split(separator: "\n").map { $0.split(separator: " ") }
                return lines.last { $0.count > 9 && $0[4] == path }.map { fields in
                    let rest = fields.drop { $0 != "-" }.dropFirst()
                    return (fields[3], fields[5].split(separator: ","), rest.first ?? "")
                }
            }
            var found = 0
            for path in masked where Files.exists(FilePath(path)) {
                let cover = try #require(mount(path), "\(path) is not masked")
                let isDirectory = (try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType) == .typeDirectory
                if isDirectory {
                    #expect(cover.type == "tmpfs" && cover.options.contains("ro"), "\(path): \(cover)")
                } else {
                    #expect(cover.root == "/null", "\(path): \(cover)")
                }
                found += 1
            }
            #expect(found >= 3)
            for path in readOnly where Files.exists(FilePath(path)) {
                let cover = try #require(mount(path), "\(path) is writable")
                #expect(cover.type == "proc" && cover.options.contains("ro"), "\(path): \(cover)")
            }
        }
    }

    @Test func systemCallsOfTheProfile() async throws {
        try await EngineFixture.with { fixture in
            let engine = fixture.engine
            // mount(2), unshare(2) and pivot_root(2) need a capability in Docker's profile; reboot and keyctl are not in it at all.
            let script = "mount -t tmpfs none /mnt 2>&1; unshare -m true 2>&1; true"
            let result = try await engine.run(fixture.directory, ["sh", "-c", script])
            #expect(result.standardOutput.contains("not permitted"))
            let open = try await engine.run(fixture.directory, ["sh", "-c", "mkdir -p /mnt; mount -t tmpfs none /mnt && echo mounted"]) {
                $0.security.addedCapabilities = ["SYS_ADMIN"]
            }
            #expect(open.standardOutput == "mounted\n")
        }
    }

    @Test func everyUserListensOnLowPortsAndPings() async throws {
        try await EngineFixture.with { fixture in
            let files = "cd /proc/sys/net/ipv4 && cat ip_unprivileged_port_start ping_group_range"
            let listens = "(sleep 0.2; true) | timeout 1 nc -l -p 80 -w 1; echo $?"
            let result = try await fixture.engine.run(fixture.directory, ["sh", "-c", "\(files); \(listens)"]) { $0.user = "1000" }
            #expect(result.standardOutput.hasPrefix("0\n0\t2147483647\n"))
            #expect(!result.standardError.contains("denied"), "\(result.standardError)")
            let own = try await fixture.engine.run(fixture.directory, ["sh", "-c", files]) {
                $0.sysctls["net.ipv4.ip_unprivileged_port_start"] = "80"
            }
            #expect(own.standardOutput == "80\n0\t2147483647\n")
        }
    }

    @Test func namespacesAreItsOwn() async throws {
        try await EngineFixture.with { fixture in
            try await fixture.engine.withContainer(fixture.directory) {
                $0.command = ["sleep", "1000"]
            } operation: { container in
                let inside = ProcessView(try #require(container.pid))
                let own = ProcessView(getpidOfTests())
                for kind in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
                    #expect(inside.namespace(kind) != nil)
                    #expect(inside.namespace(kind) != own.namespace(kind))
                }
                #expect(inside.descriptors.keys.sorted() == [0, 1, 2])
            }
        }
    }
}
