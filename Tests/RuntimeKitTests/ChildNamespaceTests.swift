import CLinux
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// User and time namespaces, namespaces of others, and what is written to procfs.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildNamespaceTests {
    @Test func aUserNamespaceWithItsDevices() async throws {
        try await withProbe { probe, root throws in
            _ = try Command.run("chown", "-R", "100000:100000", root.string)
            _ = try Command.run("chmod", "755", probe.directory.string)
            var plan = ChildPlans.full(
                root: root,
                ["sh", "-c", "cat /proc/self/uid_map | tr -s ' '; id -u; echo x > /dev/null && echo null; ls -ln /dev | grep -c null"])
            plan.namespaces.new |= ck_CLONE_NEWUSER
            plan.namespaces.userMappings = [.init(container: 0, host: 100_000, size: 65536)]
            plan.namespaces.groupMappings = [.init(container: 0, host: 100_000, size: 65536)]
            // What the shim would make belongs to the host's ids: made inside instead.
            plan.trees.removeLast(2)
            plan.steps = plan.steps.map { step in
                guard case .attach(let tree, let target) = step else { return step }
                return .mount(
                    type: tree == 1 ? "tmpfs" : "devpts", source: "none", target: target,
                    options: tree == 1 ? [MountOption("mode", "755")] : [MountOption("newinstance")], attributes: 0)
            }
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == " 0 100000 65536\n0\nnull\n1\n", "\(result.standardError)")
        }
    }

    /// What was made before the plan was known shows nowhere but in the time that it took.
    @Test func whatWasMadeAheadLooksTheSame() async throws {
        try await withProbe { probe, root throws in
            let look = """
                cut -d' ' -f4- /proc/self/mountinfo | sed 's/ro,.*/ro/'; ls -a / /proc/acpi /proc/scsi; ls /sys/class/net; pwd; cat /proc/net/dev
                touch /proc/sys/x /sys/x /proc/acpi/x; chroot /tmp /bin/true; cd ../../..; ls; umount -l /; ls /..; cd /proc/self/cwd/..; ls
                """
            var plan = ChildPlans.full(root: root, ["sh", "-c", look])
            plan.steps.insert(
                .mount(type: "sysfs", source: "sysfs", target: "/sys", options: [], attributes: UInt64(MOUNT_ATTR_RDONLY)), at: 3)
            for mayMount in [false, true] {
                if mayMount {
                    let admin: UInt64 = 1 << 21
                    plan.process.capabilities.bounding |= admin
                    plan.process.capabilities.permitted |= admin
                    plan.process.capabilities.effective |= admin
                }
                let expected = try probe.run("run", plan)
                #expect(expected.standardOutput.contains("\nlo\n"), "\(expected)")
                let ahead = try probe.run("ahead", plan)
                #expect(ahead.standardOutput == expected.standardOutput)
                #expect(ahead.standardError == expected.standardError)
            }
        }
    }

    /// Also not where one may change the file systems that it has.
    @Test func nothingIsLeftForTheNext() async throws {
        try await withProbe { probe, root throws in
            let work = """
                cd /proc/acpi; ls -A; mount -o remount,rw,nr_inodes=10 /proc/acpi && touch left && ls -A
                """
            var plan = ChildPlans.full(root: root, ["sh", "-c", work])
            #expect(try probe.run("ahead", plan, ["2"]).standardOutput == "")
            plan.process.capabilities.bounding |= 1 << 21
            plan.process.capabilities.permitted |= 1 << 21
            plan.process.capabilities.effective |= 1 << 21
            let result = try probe.run("ahead", plan, ["2"])
            #expect(result.standardOutput == "left\nleft\n", "\(result)")
        }
    }

    /// A container that throws out its own root finds nothing of the host.
    @Test func launchesBeginWithNothing() async throws {
        try await withProbe { probe, root throws in
            let result = try probe.run("empty", ChildPlans.full(root: root, ["true"]))
            #expect(result.standardOutput == "entries 0 mounts 1\n-\(EROFS)\n-\(EROFS)\n", "\(result.standardError)")
        }
    }

    @Test func aTimeNamespaceWithItsOffset() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["cat", "/proc/uptime"])
            plan.namespaces.new |= ck_CLONE_NEWTIME
            plan.namespaces.boottimeOffset = .init(seconds: 1_000_000, nanoseconds: 0)
            let result = try probe.run("run", plan)
            #expect(Double(result.standardOutput.split(separator: " ").first ?? "0") ?? 0 > 1_000_000, "\(result.standardError)")
        }
    }

    @Test func anothersNetworkIsJoined() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["readlink", "/proc/self/ns/net"])
            plan.namespaces.new &= ~ck_CLONE_NEWNET
            plan.namespaces.joined = [.init(type: ck_CLONE_NEWNET, path: "/proc/self/ns/net")]
            plan.steps.removeAll { $0 == .raiseLoopback }
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == (Files.link("/proc/self/ns/net") ?? "") + "\n", "\(result.standardError)")
            plan.namespaces.joined = [.init(type: ck_CLONE_NEWNET, path: "/proc/self/ns/uts")]
            #expect(try probe.run("run", plan).standardError == "failure joinNamespace 0 22 0\n")
        }
    }

    @Test(arguments: [true, false]) func sysctlsAreWrittenToARealProcfs(hasProc: Bool) async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["cat", "/proc/sys/net/ipv4/ip_forward"])
            plan.steps.insert(.setSysctl(name: "net.ipv4.ip_forward", value: "1"), at: hasProc ? 3 : 2)
            // What looks like it is not written to.
            try Files.write("", to: root.appending("proc/decoy"))
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == "1\n", "\(result.standardError)")
        }
    }

    @Test func limitsAndScoresAreApplied() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(
                root: root, ["sh", "-c", "ulimit -n; cat /proc/self/oom_score_adj; grep Cpus_allowed_list /proc/self/status"])
            plan.process.limits = [.init(resource: 7, soft: 99, hard: 100)]
            plan.process.oomScoreAdjust = 321
            plan.process.cpuAffinity = "0"
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == "99\n321\nCpus_allowed_list:\t0\n", "\(result.standardError)")
        }
    }

    /// Without no_new_privs the filter goes in while the right to load it is there, and the rest must pass it.
    @Test func aFilterWithoutNoNewPrivileges() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["grep", "-E", "^(NoNewPrivs|Seccomp|Uid):", "/proc/self/status"])
            plan.process.noNewPrivileges = false
            plan.process.uid = 7
            plan.process.seccompProgram = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]
            for mode in ["run", "create"] {
                let result = try probe.run(mode, plan)
                #expect(result.standardOutput == "Uid:\t7\t7\t7\t7\nNoNewPrivs:\t0\nSeccomp:\t2\n", "\(result.standardError)")
            }
        }
    }

    @Test func theWorkingDirectoryIsEnteredWithOrWithoutPrivileges() async throws {
        try await withProbe { probe, root throws in
            _ = try Command.run("mkdir", "-m", "700", root.appending("closed").string)
            _ = try Command.run("ln", "-s", "/proc/self/fd/3", root.appending("leak").string)
            var plan = ChildPlans.full(root: root, ["pwd"])
            plan.process.uid = 1000
            plan.process.workingDirectory = "/closed"
            #expect(try probe.run("run", plan).standardOutput == "/closed\n")
            plan.process.workingDirectory = "/missing"
            #expect(try probe.run("run", plan).standardError == "failure workingDirectory 0 2 0\n")
            // No descriptor of the host is left to be a directory.
            plan.process.workingDirectory = "/leak"
            #expect(try probe.run("run", plan).status == 125)
        }
    }

    @Test func aReadOnlyRoot() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["sh", "-c", "touch /x 2>/dev/null || echo read-only; touch /dev/x && echo dev"])
            plan.steps.append(.setAttributes(target: "/", set: UInt64(MOUNT_ATTR_RDONLY), clear: 0, recursive: false))
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == "read-only\ndev\n", "\(result.standardError)")
        }
    }
}
