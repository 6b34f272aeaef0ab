import CLinux
import LinuxSystem
import RuntimeChild
import SystemPackage
import TestSupport
import Testing

/// Containers made for real, and their confinement read from inside.
@Suite(.needsRoot, .tags(.privileged), .leakChecked, .serialized)
struct ChildLaunchTests {
    @Test func aProgramRunsAndItsStatusComesBack() async throws {
        try await withProbe { probe, root throws in
            let result = try probe.run("run", ChildPlans.full(root: root, ["sh", "-c", "echo hello; exit 7"]))
            #expect(result.standardOutput == "hello\n")
            #expect(result.status == 7, "\(result.standardError)")
        }
    }

    /// A parked container runs its program only after start, and leaves nothing when it is let go.
    @Test(arguments: ["create", "abandon"]) func parked(mode: String) async throws {
        try await withProbe { probe, root throws in
            let result = try probe.run(mode, ChildPlans.full(root: root, ["echo", "hello"]))
            #expect(result.status == 0, "\(result.standardError)")
            #expect(result.standardOutput == (mode == "create" ? "hello\n" : ""))
        }
    }

    @Test func aMissingProgramIsReportedWhereItIsMissed() async throws {
        try await withProbe { probe, root throws in
            let plan = ChildPlans.full(root: root, ["no-such-program"])
            #expect(try probe.run("run", plan).standardError == "failure exec 0 2 0\n")
            #expect(try probe.run("create", plan).standardError == "failure executable 0 2 0\n")
        }
    }

    @Test func statusShowsTheConfinement() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["cat", "/proc/self/status"])
            plan.process.uid = 1000
            plan.process.gid = 1000
            plan.process.additionalGroups = [50]
            plan.process.umask = 0o027
            plan.process.capabilities.effective = 1 << 10
            plan.process.capabilities.permitted = 1 << 10
            plan.process.capabilities.inheritable = 1 << 10
            plan.process.capabilities.ambient = 1 << 10
            // One instruction: allow.
            plan.process.seccompProgram = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]
            let text = try probe.run("run", plan).standardOutput
            func field(_ name: String) -> String? {
                text.split(separator: "\n").first { $0.hasPrefix(name + ":") }?
                    .drop { $0 != "\t" }.dropFirst().trimmingSuffix(while: { $0 == " " }).description
            }
            #expect(field("Uid") == "1000\t1000\t1000\t1000")
            #expect(field("Gid") == "1000\t1000\t1000\t1000")
            #expect(field("Groups") == "50")
            #expect(field("Pid") == "1")
            #expect(field("Umask") == "0027")
            #expect(field("CapBnd") == "00000000a80425fb")
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(field(set) == "0000000000000400") }
            #expect(field("NoNewPrivs") == "1")
            #expect(field("Seccomp") == "2")
            for set in ["SigBlk", "SigIgn", "SigPnd"] { #expect(field(set) == "0000000000000000") }
        }
    }

    @Test func nothingOfTheHostIsInside() async throws {
        try await withProbe { probe, root throws in
            let script = """
                ls -l /proc/self/fd | grep -c . ; hostname; cat /proc/sys/kernel/domainname; ls /sys | wc -l
                cat /proc/net/dev | grep -c : ; ip addr show lo | grep -c 'inet 127.0.0.1'
                echo x > /proc/sys/kernel/hostname && echo writable
                wc -c < /proc/version; env | sort; pwd
                """
            let result = try probe.run("run", ChildPlans.full(root: root, ["sh", "-c", script]))
            let lines = result.standardOutput.split(separator: "\n").map(String.init)
            // Header, 0 to 2, and the directory that ls reads.
            #expect(lines.first == "5")
            #expect(lines.dropFirst().prefix(3) == ["inside", "example", "0"])
            #expect(lines.dropFirst(4).prefix(2) == ["1", "1"])
            #expect(lines.contains("writable") == false)
            #expect(lines.dropFirst(6).first == "0")
            #expect(Array(lines.suffix(4)) == ["HOME=/root", "PATH=/usr/bin:/bin", "SHLVL=1", "PWD=/"].sorted() || lines.last == "/")
            let mounts = try probe.run("run", ChildPlans.full(root: root, ["cat", "/proc/self/mountinfo"])).standardOutput
            #expect(!mounts.contains("/sys/fs/cgroup"))
            #expect(mounts.split(separator: "\n").count(where: { $0.contains(" / / ") || $0.contains(root.string + " / ") }) == 1)
        }
    }

    /// Whatever step fails: the failure names it, and no process or mount is left.
    @Test func everyStepCanFailAndLeavesNothing() async throws {
        try await withProbe { probe, root throws in
            let plan = ChildPlans.full(root: root, ["true"])
            for index in plan.steps.indices.dropFirst() {
                var broken = plan
                broken.steps[index] = .setAttributes(target: "/no/such/file", set: 1, clear: 0, recursive: false)
                let result = try probe.run("run", broken)
                #expect(result.status == 125)
                #expect(result.standardError == "failure step \(index) 2 0\n")
            }
        }
    }

    @Test func aTerminalOfTheContainersOwn() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["sh", "-c", "tty; stty size; ls -l /dev/console | cut -c1"])
            plan.process.terminal = true
            plan.process.terminalSize = TerminalSize(rows: 33, columns: 101)
            plan.process.uid = 1000
            if let pivot = plan.steps.firstIndex(of: .pivotRoot) { plan.steps.insert(.bindConsole, at: pivot) }
            let result = try probe.run("terminal", plan)
            #expect(result.standardOutput == "/dev/pts/0\r\n33 101\r\nc\r\n", "\(result.standardError)")
        }
    }

    @Test func aFilterThatDeniesExecIsNoStart() async throws {
        try await withProbe { probe, root throws in
            var plan = ChildPlans.full(root: root, ["true"])
            // Kill the process at any system call.
            plan.process.seccompProgram = [0x06, 0, 0, 0, 0, 0, 0, 0x80]
            let result = try probe.run("run", plan)
            #expect(result.standardError == "failure died \(LaunchPhase.exec.rawValue) 10 31\n")
        }
    }

    @Test func aLinkToNothingIsFollowedInsideTheRoot() async throws {
        try await withProbe { probe, root throws in
            _ = try Command.run("ln", "-s", "../run/systemd/resolv.conf", root.appending("etc/resolv.conf").string)
            _ = try Command.run("ln", "-s", "/../../../../etc", root.appending("escape").string)
            var plan = ChildPlans.full(root: root, ["cat", "/etc/resolv.conf", "/run/systemd/resolv.conf", "/etc/made/here"])
            let source = probe.directory.appending("bound")
            try Files.write("bound\n", to: source)
            for target in ["/etc/resolv.conf", "/escape/made/here"] {
                plan.trees.append(
                    .bind(
                        source: source.string, recursive: false, set: 0, clear: 0, attributesRecursive: false,
                        propagation: ck_MS_PRIVATE, field: "mounts"))
                plan.steps.insert(.attach(tree: UInt32(plan.trees.count - 1), target: target), at: 3)
            }
            let result = try probe.run("run", plan)
            #expect(result.standardOutput == "bound\nbound\nbound\n", "\(result.standardError)")
            #expect(!Files.exists("/etc/made"))
        }
    }

    /// An image that puts a file of its own at /dev/null cannot keep what is masked readable or writable.
    @Test func aFalseNullDeviceIsRefused() async throws {
        try await withProbe { probe, root throws in
            try Files.write("mine", to: root.appending("dev/null"))
            var plan = ChildPlans.full(root: root, ["true"])
            plan.steps.removeAll {
                switch $0 {
                case .attach, .makeDevice, .symlink: true
                default: false
                }
            }
            let index = try #require(plan.steps.firstIndex { if case .maskPaths = $0 { true } else { false } })
            #expect(try probe.run("run", plan).standardError == "failure step \(index) 19 0\n")
        }
    }

    @Test func aConnectionIntoTheContainersNetwork() async throws {
        try await withProbe { probe, root throws in
            let plan = ChildPlans.full(root: root, ["sh", "-c", "echo answer | nc -l -p 8080; sleep 5"])
            #expect(try probe.run("connect", plan).standardOutput == "answer\n")
        }
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest
    }
}
